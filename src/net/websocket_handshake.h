// The opening handshake of WebSockets (RFC 6455 §4), both sides of it.
#pragma once
#include <string>
#include <string_view>

#include "net/http_head.h"

namespace tollgate::net {

// Whether a request asks for a WebSocket. Other values of Upgrade count as none (RFC 9110 §7.8).
enum class UpgradeAsked {
  kNo,            // an ordinary request
  kYes,           // all that is needed is there
  kOtherVersion,  // of the protocol: 13 is the one we speak
  kBadKey,
};
UpgradeAsked upgrade_asked(const RequestHead& head);

// Sec-WebSocket-Accept for a Sec-WebSocket-Key.
std::string websocket_accept(std::string_view key);
std::string new_websocket_key();

// Whether a comma-separated header value has this element, in any letter case.
bool has_element(std::string_view list, std::string_view element);

// An upstream's 101: nullptr, or why it opens no WebSocket for this key and these offered protocols (comma-separated).
const char* why_not_open(const HeaderList& answer, std::string_view key, std::string_view offered);

}  // namespace tollgate::net
