// Which headers of an upstream's answer the client sees: a short list, everything else stays here.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "net/http_client.h"
#include "relay/snapshot.h"

namespace tollgate::relay {

using PassedHeaders = std::vector<std::pair<std::string, std::string>>;

// Besides the content type and Retry-After, which are judged where they are used: the upstream's request id as
// x-upstream-request-id when `pass_id`, its rate limits on channels that pass them, a cleaned Content-Disposition.
// Values that are not short printable text are left out.
PassedHeaders passed_headers(const net::UpstreamCall& call, const Channel& channel, bool pass_id);

// "attachment" or "inline", and the file name without what could lead a client astray; "" when it is neither.
std::string clean_disposition(std::string_view value);

}  // namespace tollgate::relay
