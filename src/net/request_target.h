// The target of a request and the Host beside it (RFC 9112 §3.2, RFC 3986): bytes, percent-encoding and segments.
#pragma once
#include <cstddef>
#include <string_view>

namespace tollgate::net {

constexpr std::size_t kMaxTarget = 8 * 1024;

// The parts of a target, as views into it. `status` is 0 or what to answer with (400, 414), `reason` says why.
struct Target {
  std::string_view authority;  // of the absolute form, which has to equal Host; else empty
  std::string_view path;       // never decoded
  std::string_view query;      // behind '?', may be empty
  bool encoded_slash = false;  // %2F or %5C in the path
  int status = 0;
  std::string_view reason;
};
Target parse_target(std::string_view target, std::string_view method);

// A name or address literal of at most 255 bytes with an optional port; no user, no list, no blank.
bool is_host(std::string_view host);

}  // namespace tollgate::net
