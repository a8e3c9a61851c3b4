// Which headers of an upstream's answer reach the client. All others stay here: they name hosts, accounts and cookies.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_client.h"
#include "relay/snapshot.h"

namespace tollgate::relay {

using PassedHeaders = std::vector<std::pair<std::string, std::string>>;

// Of any answer: the upstream's request id as x-upstream-request-id when `pass_id`, its rate limits on channels that
// pass them. Values that are not short printable text are left out. Retry-After is judged where refusals are read.
PassedHeaders passed_headers(const net::UpstreamCall& call, const Channel& channel, bool pass_id);

// Whether a body of this type may pass as bytes: audio, or bytes of no told type.
bool is_media_type(std::string_view content_type);

// Of such a body: Content-Type, and Content-Disposition when it is plain. Views of the call.
std::vector<net::Header> media_headers(const net::UpstreamCall& call);

}  // namespace tollgate::relay
