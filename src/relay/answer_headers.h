// Which headers of an upstream's answer reach the client. All others stay here: they name hosts, accounts and cookies.
#pragma once
#include <string_view>
#include <vector>

#include "net/http_client.h"

namespace tollgate::relay {

// Whether a body of this type may pass as bytes: audio, or bytes of no told type.
bool is_media_type(std::string_view content_type);

// Content-Type, and Content-Disposition when it is plain. Views of the call.
std::vector<net::Header> passed_headers(const net::UpstreamCall& call);

}  // namespace tollgate::relay
