// Proxies that the environment names, for calls to upstreams whose channel has none of its own: HTTP_PROXY for http,
// HTTPS_PROXY for https, ALL_PROXY for either, and NO_PROXY for what goes direct.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ip_address.h"
#include "core/result.h"
#include "net/url.h"

namespace tollgate::net {

class EnvironmentProxies {
 public:
  struct Texts {
    std::string_view http = {}, https = {}, all = {}, none = {};
  };

  EnvironmentProxies() = default;
  // A proxy without a scheme is an http one. kInvalid: a proxy that cannot be used; the text says which variable and
  // why, never the value.
  static core::Result<EnvironmentProxies> make(const Texts& texts);

  // nullptr: direct. This machine (localhost and loopback addresses) always is. Items of NO_PROXY are "*", an address
  // or a block of them, or a domain with all below it (".example.com" and "*.example.com": only those below); each may
  // end in ":port".
  const Url* proxy_for(const Url& target) const;

 private:
  struct Exception {
    std::optional<core::IpBlock> block;
    std::string domain;       // lower case, without a dot in front
    bool only_below = false;  // not the domain itself
    std::uint16_t port = 0;   // 0: any
  };
  bool is_direct(const Url& target) const;

  std::optional<Url> http_, https_;
  std::vector<Exception> exceptions_;
  bool none_ = false;
};

}  // namespace tollgate::net
