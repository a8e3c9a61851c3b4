// POST /pg/chat/completions: a chat completion paid for by the wallet of a logged-in user, without a key.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "core/types.h"
#include "dialect/openai_error.h"
#include "net/http_server.h"

namespace tollgate::relay {

struct Request;

// What the management API says of a request's session.
struct SessionUser {
  core::UserId id;  // none: refused with the answer below
  bool by_access_token = false;
  int status = 0;
  std::string body;
};
using SessionCheck = std::function<net::awaitable<SessionUser>(net::Exchange&)>;

bool is_playground(std::string_view path);

// Instead of the gate: sets request.identity and group. True: the request was refused and answered.
net::awaitable<bool> refuse_session(Request& request);

// The group that the body may ask for; it does not go upstream.
std::optional<dialect::RelayError> take_playground_group(Request& request);

}  // namespace tollgate::relay
