// Which addresses may be called because a client's request names them: options fetch_setting.*.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "core/ip_address.h"
#include "core/option_table.h"
#include "net/url.h"

namespace tollgate::relay {

struct FetchRules {
  bool protect = true;
  bool allow_private = false;        // private networks, never this machine's own
  bool domains_allow = false;        // the list says who may be called, not who may not
  std::vector<std::string> domains;  // lower case; "*.a.b" is a.b and everything below it
  bool addresses_allow = false;
  std::vector<core::IpBlock> addresses;
  bool addresses_of_names = false;         // the list of addresses holds for those that names resolve to, too
  std::vector<std::pair<int, int>> ports;  // inclusive ranges; empty: all

  // Scheme, host and port, before anything is resolved. False: the URL is not called.
  bool take_url(const net::Url& url) const;
  // An address that is about to be connected to; `of_name`: it was resolved.
  bool take_address(const core::IpAddress& address, bool of_name) const;
};

FetchRules read_fetch_rules(const core::Options& options);

}  // namespace tollgate::relay
