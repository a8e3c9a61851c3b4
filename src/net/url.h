// http and https addresses of upstreams and proxies.
#pragma once
#include <string>
#include <string_view>

#include "core/result.h"

namespace tollgate::net {

struct Url {
  std::string scheme;      // lower case
  std::string user_info;   // "user:password", decoded by nobody; empty when absent
  std::string host;        // lower case, IPv6 without brackets
  std::uint16_t port = 0;  // the scheme's default when the text names none
  std::string target;      // path and query, at least "/"

  bool tls() const { return scheme == "https"; }
  std::string authority() const;  // for Host: the port only when it is not the scheme's default
};

// Schemes http, https, socks5, socks5h. The error names what is wrong, without the text itself (it may hold a
// password).
core::Result<Url> parse_url(std::string_view text);

}  // namespace tollgate::net
