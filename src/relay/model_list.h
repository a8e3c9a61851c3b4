// GET /v1/models and /v1/models/{model}: what a key may use.
#pragma once
#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::relay {

net::awaitable<void> answer_model_list(Request& request);

}  // namespace tollgate::relay
