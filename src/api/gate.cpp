#include "api/gate.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cctype>

#include "api/database.h"
#include "core/byte_text.h"
#include "core/config.h"
#include "core/random.h"
#include "model/session.h"

namespace tollgate::api {
namespace {

constexpr std::size_t kSessionIdLength = 22;  // 130 bits
constexpr std::int64_t kTouchSeconds = 300;
constexpr std::size_t kMaxAgent = 200;

std::string sha256_hex(std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return core::hex_digits({reinterpret_cast<const char*>(digest), sizeof digest});
}

// The user of a session that is still in force. Cookies written by other nodes of the cluster carry no session id and
// pass on the other checks.
std::optional<model::User> session_user(Context& c) {
  const SessionValues& values = c.session.values;
  const auto id = values.integer("id");
  if (values.text("username").empty() || !id) return std::nullopt;
  auto user = must(model::find_user(c.db, core::UserId{*id}));
  if (!user) return std::nullopt;
  if (c.session.saved_at < must(model::sessions_valid_from(c.db, user->id))) return std::nullopt;
  const std::string sid = values.text("tg_sid");
  if (sid.empty()) return user;
  const std::string key = sha256_hex(sid);
  auto row = must(model::find_session(c.db, key));
  if (!row || row->user_id != user->id || row->created_at + kSessionSeconds < c.now()) return std::nullopt;
  if (row->last_seen + kTouchSeconds <= c.now()) must(model::touch_session(c.db, key, c.now()));
  return user;
}

// One occurrence of "Bearer " is dropped wherever it stands, as clients of this API expect.
std::string access_token_of(std::string_view authorization) {
  constexpr std::string_view kBearer = "Bearer ";
  std::string token(authorization);
  const auto at = token.find(kBearer);
  if (at != std::string::npos) token.erase(at, kBearer.size());
  return token;
}

bool valid_role(std::int64_t role) { return role == kRoleCommon || role == kRoleAdmin || role == kRoleRoot; }

int needed_role(Access access) {
  if (access == Access::kRoot || access == Access::kOperator) return kRoleRoot;
  return access == Access::kAdmin ? kRoleAdmin : kRoleCommon;
}

std::optional<Language> language_of_setting(const std::string& setting) {
  auto fields = Fields::parse(setting);
  std::string language;
  if (!fields || !fields->get("language", language).ok() || language.empty()) return std::nullopt;
  return language_of(language);
}

}  // namespace

std::optional<Response> authenticate_api_key(Context& c) {
  std::string_view text = c.request.header("Authorization");
  if (text.empty()) return fail(401, "未提供 Authorization 请求头");
  if (text.starts_with("Bearer ") || text.starts_with("bearer ")) text.remove_prefix(7);
  if (text.starts_with("sk-")) text.remove_prefix(3);
  text = text.substr(0, text.find('-'));  // administrators may pin a channel behind the key
  const bool plain = std::ranges::all_of(text, [](char ch) { return std::isalnum(static_cast<unsigned char>(ch)); });
  if (text.empty() || !plain) return fail(401, "无效的令牌");
  c.api_key = must(model::find_token_by_key(c.db, text));
  if (!c.api_key) return fail(401, "无效的令牌");
  auto owner = must(model::find_user(c.db, c.api_key->user_id));
  if (!owner) return fail(500, "record not found");
  if (owner->status != 1) return fail(403, "用户已被封禁");
  return std::nullopt;
}

void load_session(Context& c) {
  auto decoded =
      decode_session(session_from_cookie_header(c.request.header("Cookie")), session_secrets(c.services), c.now());
  if (!decoded) return;
  c.session.values = std::move(decoded->values);
  c.session.saved_at = decoded->saved_at;
}

namespace {

bool is_operator(const Context& c) {
  const std::string& token = c.services.settings.admin_token;
  std::string_view sent = c.request.header("Authorization");
  if (token.empty() || !sent.starts_with("Bearer ")) return false;
  sent.remove_prefix(7);
  return sent.size() == token.size() && CRYPTO_memcmp(sent.data(), token.data(), sent.size()) == 0;
}

}  // namespace

std::optional<Response> authenticate(Context& c, Access access) {
  if (access == Access::kOperator) {
    if (is_operator(c)) return std::nullopt;
    auto refused = authenticate(c, Access::kRoot);
    if (refused && refused->status == 200) refused->status = 403;  // these routes use the statuses of HTTP
    return refused;
  }
  auto user = session_user(c);
  const bool by_session = user.has_value();
  if (by_session) {
    // A page of another site can make the browser send the cookie only where SameSite is not honoured; this is the
    // second lock.
    const std::string_view site = c.request.header("Sec-Fetch-Site");
    if (!site.empty() && site != "same-origin" && site != "none") return fail(403, "cross-site request refused");
  } else {
    const std::string_view authorization = c.request.header("Authorization");
    if (authorization.empty()) return fail(401, "无权进行此操作，未登录且未提供 access token");
    user = must(model::find_user_by_access_token(c.db, access_token_of(authorization)));
    if (!user) return fail("无权进行此操作，access token 无效");
    if (user->username.empty() || !valid_role(user->role)) return fail("无权进行此操作，用户信息无效");
  }

  const std::string_view named = c.request.header("New-Api-User");
  if (named.empty()) return fail(401, "无权进行此操作，未提供 New-Api-User");
  const auto named_id = core::parse_integer(named);
  if (!named_id) return fail(401, "无权进行此操作，New-Api-User 格式错误");
  if (*named_id != user->id.value) return fail(401, "无权进行此操作，New-Api-User 与登录用户不匹配");
  if (user->status == 2) return fail("用户已被封禁");
  if (user->role < needed_role(access)) return fail("无权进行此操作，权限不足");
  if (user->username.empty() || !valid_role(user->role)) return fail("无权进行此操作，用户信息无效");

  c.user = {user->id, user->username, static_cast<int>(user->role), user->group, !by_session};
  if (auto language = language_of_setting(user->setting)) c.language = *language;
  return std::nullopt;
}

void start_session(Context& c, const model::User& user) {
  const std::string sid = core::random_alphanumeric(kSessionIdLength);
  SessionValues& values = c.session.values;
  values.set("id", GoInt{user.id.value});
  values.set("username", user.username);
  values.set("role", GoInt{user.role});
  values.set("status", GoInt{user.status});
  values.set("group", user.group);
  values.set("tg_sid", sid);
  values.set("tg_iat", GoInt64{c.now()});
  c.session.changed = true;

  model::StoredSession row;
  row.id = sha256_hex(sid);
  row.user_id = user.id;
  row.created_at = row.last_seen = c.now();
  row.ip = c.request.client_ip;
  row.user_agent = std::string(c.request.header("User-Agent").substr(0, kMaxAgent));
  must(model::save_session(c.db, row));
}

void end_session(Context& c) {
  const std::string sid = c.session.values.text("tg_sid");
  if (!sid.empty()) must(model::delete_session(c.db, sha256_hex(sid)));
  c.session.values.clear();
  c.session.changed = true;
}

void end_all_sessions(Context& c, core::UserId user) {
  must(model::set_sessions_valid_from(c.db, user, c.now()));
  must(model::delete_sessions_of(c.db, user));
}

}  // namespace tollgate::api
