// API keys. Every route acts on the caller's own keys only, administrators included.
#include "model/token.h"

#include <fmt/format.h>

#include <cmath>

#include "api/database.h"
#include "api/handlers.h"
#include "api/row_version.h"
#include "api/search_pattern.h"
#include "core/random.h"

namespace tollgate::api {
namespace {

constexpr std::size_t kKeyLength = 48, kMaxName = 50;  // bytes
constexpr double kMaxDollars = 1'000'000'000;
constexpr std::int64_t kSearchLimit = 10'000;  // rows looked at

core::Quota shown_balance(const Context& c, const model::Token& token) {
  return c.services.shown_token_balance ? c.services.shown_token_balance(token.id, token.remain_quota)
                                        : token.remain_quota;
}

json::object token_document(const Context& c, const model::Token& token) {
  json::object o;
  auto text = [&](const char* name, const std::string& value) { o.emplace(name, json::string(value)); };
  o.emplace("id", token.id.value);
  o.emplace("user_id", token.user_id.value);
  text("key", token.key);
  o.emplace("status", token.status);
  text("name", token.name);
  o.emplace("created_time", token.created_time);
  o.emplace("accessed_time", token.accessed_time);
  o.emplace("expired_time", token.expired_time);
  o.emplace("remain_quota", shown_balance(c, token).units);
  o.emplace("unlimited_quota", token.unlimited_quota);
  o.emplace("model_limits_enabled", token.model_limits_enabled);
  text("model_limits", token.model_limits);
  text("allow_ips", token.allow_ips);
  o.emplace("used_quota", token.used_quota.units);
  text("group", token.group);
  o.emplace("cross_group_retry", token.cross_group_retry);
  o.emplace("DeletedAt", nullptr);
  return o;
}

std::span<const EditedField<model::Token>> token_fields() {
  using model::Token;
  static constexpr EditedField<Token> kFields[] = {
      edited<&Token::name, Token>("name"),
      edited<&Token::status, Token>("status"),
      edited<&Token::expired_time, Token>("expired_time"),
      edited<&Token::unlimited_quota, Token>("unlimited_quota"),
      edited<&Token::model_limits_enabled, Token>("model_limits_enabled"),
      edited<&Token::model_limits, Token>("model_limits"),
      edited<&Token::allow_ips, Token>("allow_ips"),
      edited<&Token::group, Token>("group"),
      edited<&Token::cross_group_retry, Token>("cross_group_retry"),
  };
  return kFields;
}

// The answer that shows one key, with its version for the next save.
Response shown(const Context& c, const model::Token& token) {
  Response response = ok(token_document(c, token));
  response.headers.emplace_back(kRowVersionHeader, row_version(model::kTokenHistory, token_fields(), token));
  return response;
}

struct TokenInput {
  std::int64_t id = 0, status = 0, expired_time = 0, remain_quota = 0;
  std::string name, model_limits, allow_ips, group;
  bool unlimited_quota = false, model_limits_enabled = false, cross_group_retry = false;
};

core::Result<TokenInput> read_input(std::string_view body) {
  TokenInput in;
  auto fields = Fields::parse(body);
  if (!fields) return fields.error();
  fields->get("id", in.id)
      .get("status", in.status)
      .get("expired_time", in.expired_time)
      .get("remain_quota", in.remain_quota)
      .get("name", in.name)
      .get("model_limits", in.model_limits)
      .get("allow_ips", in.allow_ips)
      .get("group", in.group)
      .get("unlimited_quota", in.unlimited_quota)
      .get("model_limits_enabled", in.model_limits_enabled)
      .get("cross_group_retry", in.cross_group_retry);
  if (!fields->ok()) return core::error(core::Errc::kInvalid, fields->error());
  return in;
}

std::optional<Response> refuse(const Context& c, const TokenInput& in) {
  if (in.name.size() > kMaxName) return fail_key(c, "token.name_too_long");
  if (in.unlimited_quota) return std::nullopt;
  if (in.remain_quota < 0) return fail_key(c, "token.quota_negative");
  const double max = kMaxDollars * c.options->real("QuotaPerUnit");
  if (static_cast<double>(in.remain_quota) > max)
    return fail_key(c, "token.quota_exceed_max", fmt::format("{:.0f}", max));
  return std::nullopt;
}

void take(model::Token& token, const TokenInput& in) {
  token.name = in.name;
  token.expired_time = in.expired_time;
  token.unlimited_quota = in.unlimited_quota;
  token.model_limits_enabled = in.model_limits_enabled;
  token.model_limits = in.model_limits;
  token.allow_ips = in.allow_ips;
  token.group = in.group;
  token.cross_group_retry = in.cross_group_retry;
}

void changed(const Context& c, core::TokenId id, const std::string& key) {
  if (c.services.token_changed) c.services.token_changed(id, key);
}

std::optional<model::Token> own_token(Context& c, std::int64_t id) {
  return must(model::find_token(c.db, core::TokenId{id}, c.user.id));
}

// Enabling again needs the stored limits to allow it.
std::optional<Response> refuse_status(const Context& c, const model::Token& token, std::int64_t status) {
  if (status != 1) return std::nullopt;
  const bool expired = token.expired_time != -1 && token.expired_time <= c.now();
  if (token.status == 3 && expired) return fail_key(c, "token.expired_cannot_enable");
  if (token.status == 4 && !token.unlimited_quota && shown_balance(c, token).units <= 0)
    return fail_key(c, "token.exhausted_cannot_enable");
  return std::nullopt;
}

}  // namespace

Response list_tokens(Context& c) {
  const Page page = c.page();
  json::array items;
  for (const auto& token : must(model::list_tokens(c.db, c.user.id, page.offset(), page.size)))
    items.push_back(token_document(c, token));
  return ok(page_object(page, must(model::count_tokens(c.db, c.user.id)), std::move(items)));
}

Response search_tokens(Context& c) {
  const std::string keyword = c.query.text("keyword");
  std::string key = c.query.text("token");
  if (key.starts_with("sk-")) key.erase(0, 3);
  for (const std::string& pattern : {keyword, key})
    if (std::string fault = check_pattern(pattern); !fault.empty()) return fail(fault);
  const bool wild = (keyword + key).find('%') != std::string::npos;
  if (wild && must(model::count_tokens(c.db, c.user.id)) > c.options->integer("token_setting.max_user_tokens"))
    return fail("令牌数量超过上限，仅允许精确搜索，请勿使用 % 通配符");

  const Page page = c.page();
  std::int64_t total = 0;
  json::array items;
  for (const auto& token : must(model::list_tokens(c.db, c.user.id, 0, kSearchLimit))) {
    if (!keyword.empty() && !matches_pattern(token.name, keyword)) continue;
    if (!key.empty() && !matches_pattern(token.key, key)) continue;
    if (total >= page.offset() && total < page.offset() + page.size) items.push_back(token_document(c, token));
    ++total;
  }
  return ok(page_object(page, total, std::move(items)));
}

Response get_token(Context& c) {
  if (!c.id()) return bad_id(c);
  if (*c.id() == 0) return fail("id 或 userId 为空！");
  auto token = own_token(c, *c.id());
  return token ? shown(c, *token) : not_found();
}

Response create_token(Context& c) {
  auto in = read_input(c.request.body);
  if (!in) return fail(in.error().message);
  if (auto answer = refuse(c, *in)) return *answer;
  const std::int64_t limit = c.options->integer("token_setting.max_user_tokens");
  if (must(model::count_tokens(c.db, c.user.id)) >= limit)
    return fail(fmt::format("已达到最大令牌数量限制 ({})", limit));

  model::Token token;
  take(token, *in);
  if (token.expired_time == 0) token.expired_time = -1;
  token.user_id = c.user.id;
  token.key = core::random_alphanumeric(kKeyLength);
  token.remain_quota = {in->remain_quota};
  token.created_time = token.accessed_time = c.now();
  token.id =
      must(sql::with_once(c.db, once_key(), [&](sql::Connection& db) { return model::create_token(db, token); }));
  changed(c, token.id, token.key);
  json::object data;
  data.emplace("id", token.id.value);
  data.emplace("key", json::string(token.key));
  return ok(std::move(data));
}

Response update_token(Context& c) {
  auto in = read_input(c.request.body);
  if (!in) return fail(in.error().message);
  if (auto answer = refuse(c, *in)) return *answer;
  auto token = own_token(c, in->id);
  if (!token) return not_found();
  if (auto answer = refuse_status(c, *token, in->status)) return *answer;

  const bool status_only = !c.query.text("status_only").empty();
  if (status_only && in->status != 1 && in->status != 2) return fail_key(c, "common.invalid_params");
  const core::Quota before = shown_balance(c, *token), after{in->remain_quota};
  const bool moves = !status_only && before != after;
  if (moves && !c.services.set_token_balance) return fail("balances cannot be changed here");

  RowEdit edit(model::kTokenHistory, token_fields(), c.request);
  const auto entity = std::to_string(in->id);
  auto stored = must(sql::with_once(c.db, once_key(), [&](sql::Connection& db) -> sql::Result<bool> {
    auto row = model::lock_token(db, core::TokenId{in->id}, c.user.id);
    if (!row) return row.error();
    if (!*row) return false;
    model::Token wanted = **row;
    if (status_only) {
      wanted.status = in->status;
    } else {
      take(wanted, *in);
    }
    if (!edit.merge(**row, wanted)) return true;
    auto written =
        status_only ? model::set_token_status(db, wanted.id, wanted.status) : model::update_token(db, wanted);
    if (written && !edit.changed().empty())
      written = model::note_change(db, model::kTokenHistory, entity, c.user.username, edit.changed());
    if (!written) return written.error();
    return true;
  }));
  if (!stored) return not_found();
  if (!edit.refused()) {
    if (moves)
      if (auto set = c.services.set_token_balance(token->id, after); !set) return fail(set.error().message);
    changed(c, token->id, token->key);
  }
  auto now = own_token(c, in->id);
  if (!now) return not_found();
  if (edit.refused())
    return edit_conflict(c, model::kTokenHistory, entity, edit, token_document(c, *now),
                         row_version(model::kTokenHistory, token_fields(), *now));
  return shown(c, *now);
}

Response delete_token(Context& c) {
  if (!c.id()) return bad_id(c);
  if (*c.id() == 0) return fail("id 或 userId 为空！");
  auto token = own_token(c, *c.id());
  if (!token || !must(model::delete_token(c.db, token->id, c.user.id, c.now()))) return not_found();
  changed(c, token->id, token->key);
  return ok();
}

Response delete_tokens(Context& c) {
  std::vector<std::int64_t> ids;
  auto fields = Fields::parse(c.request.body);
  if (!fields || !fields->get("ids", ids).ok() || ids.empty()) return fail_key(c, "common.invalid_params");
  std::vector<core::TokenId> own;
  std::vector<std::string> keys;
  for (std::int64_t id : ids) {
    if (auto token = own_token(c, id)) {
      own.push_back(token->id);
      keys.push_back(token->key);
    }
  }
  const std::int64_t deleted = own.empty() ? 0 : must(model::delete_tokens(c.db, own, c.user.id, c.now()));
  for (std::size_t i = 0; i < own.size(); ++i) changed(c, own[i], keys[i]);
  return ok(deleted);
}

}  // namespace tollgate::api
