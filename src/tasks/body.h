// The body of a submission, whole in memory.
#pragma once
#include <optional>
#include <string>

#include "dialect/openai_error.h"
#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::tasks {

// Admits the request and reads its body into `out`, behind which 64 bytes can be read.
net::awaitable<std::optional<dialect::RelayError>> read_body(relay::Request& request, std::string& out);

}  // namespace tollgate::tasks
