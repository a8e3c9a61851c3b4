#include "relay/playground.h"

#include <simdjson.h>

#include "core/json_edit.h"
#include "model/user.h"
#include "net/suspend.h"
#include "relay/request.h"

namespace tollgate::relay {
namespace {

using dialect::gate_error;
using dialect::RelayError;

using Owner = std::shared_ptr<Identity>;

// On a thread of the SQL pool; nullptr when SQL cannot be asked.
Owner load_owner(sql::Pool& pool, billing::Billing& billing, core::UserId id) {
  auto lease = pool.lease();
  if (!lease) return nullptr;
  auto user = model::find_user(**lease, id);
  if (!user || !*user) return nullptr;
  auto identity = std::make_shared<Identity>();
  identity->found = true;
  identity->token.unlimited_quota = true;
  set_owner(*identity, **user, billing);
  return identity;
}

// The text of the member, the last one counts; nullopt when it is there and no text.
std::optional<std::string> group_of(std::string_view body) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  std::string group;
  if (parser.parse(body.data(), body.size(), false).get_object().get(object) != simdjson::SUCCESS) return group;
  for (auto [name, value] : object) {
    if (name != "group") continue;
    std::string_view text;
    if (value.is_null()) continue;
    if (value.get_string().get(text) != simdjson::SUCCESS) return std::nullopt;
    group = text;
  }
  return group;
}

void set_group(Request& request, const std::string& group) {
  auto identity = std::make_shared<Identity>(*request.identity);
  identity->token.name = "playground-" + group;
  identity->token.group = group;
  request.identity = std::move(identity);
  request.group = group;
}

}  // namespace

bool is_playground(std::string_view path) { return path == "/pg/chat/completions"; }

net::awaitable<bool> refuse_session(Request& request) {
  static constexpr net::Header kHeaders[] = {{"Content-Type", "application/json; charset=utf-8"}};
  auto& exchange = request.exchange;
  auto& relay = request.relay;
  auto session = co_await relay.session_check(exchange);
  if (!session.id) {
    co_await exchange.answer(session.status, kHeaders, session.body);
    co_return true;
  }
  Owner owner;
  RelayError refused;
  if (session.by_access_token) {
    refused = dialect::gateway_error(500, "access_denied", "暂不支持使用 access token");
  } else {
    owner = co_await net::suspend<Owner>([&](auto done) {
      auto id = session.id;
      bool taken = relay.sql_threads.submit([&relay, id, done] { done(load_owner(relay.pool, relay.billing, id)); });
      if (!taken) done(nullptr);
    });
    if (!owner) {
      refused = dialect::gateway_error(503, "auth_backend_unavailable", "the database is away");
      exchange.add_header("Retry-After", "5");
    }
  }
  if (!owner) {
    co_await exchange.answer(refused.status, kHeaders, dialect::error_body(refused, request.id));
    co_return true;
  }
  auto group = owner->user_group;
  request.identity = std::move(owner);
  set_group(request, group);
  co_return false;
}

std::optional<RelayError> take_playground_group(Request& request) {
  if (request.body.find("group") == std::string_view::npos) return std::nullopt;
  auto wanted = group_of(request.body);
  if (!wanted) return gate_error(400, "无效的playground请求, group must be a string");
  core::JsonEditor editor(request.body);
  if (editor.remove("group") && editor.changed()) {
    auto text = editor.text();
    text.append(64, '\0');
    request.openai.respelled = std::move(text);
    request.body = request.openai.respelled_body();
  }
  if (wanted->empty() || *wanted == request.group) return std::nullopt;
  if (!request.snapshot->group_usable(request.identity->user_group, *wanted)) return gate_error(403, "无权访问该分组");
  set_group(request, *wanted);
  return std::nullopt;
}

}  // namespace tollgate::relay
