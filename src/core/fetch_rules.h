// Where the program may connect when a user, not an administrator, gave the address: webhooks and their kin. The
// options fetch_setting.*, and what no option allows.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/ip_address.h"
#include "core/option_table.h"
#include "core/result.h"

namespace tollgate::core {

// A URL is checked twice: its text before anything is asked of the network, and each address right before a socket is
// connected to it, for a name may lead elsewhere a moment later. Immutable; any thread.
class FetchRules {
 public:
  explicit FetchRules(const Options& options);

  // http or https, one spelling of the host, a port that is allowed. kDenied with the one text that users see; the
  // reason is in `why` for the log.
  Result<void> check_url(std::string_view url, std::string* why = nullptr) const;

  // An address that a socket is about to be connected to. `named`: the URL held a name.
  bool admits(const IpAddress& address, std::uint16_t port, bool named) const;

  // What not even an operator's setting may reach: metadata services, where credentials lie open.
  static bool never(const IpAddress& address);

 private:
  bool listed_address(const IpAddress& address) const;
  bool listed_domain(std::string_view host) const;
  bool allowed_port(std::uint16_t port) const;

  struct PortRange {
    unsigned first = 0, last = 0;
  };
  bool protect_ = true;
  bool allow_private_ = false;
  bool only_listed_domains_ = false;
  bool only_listed_addresses_ = false;
  bool list_counts_for_names_ = false;
  std::vector<std::string> domains_;  // lower case; "*.example.com" is the domain and everything below it
  std::vector<IpBlock> addresses_;
  std::vector<PortRange> ports_;  // empty: all
};

}  // namespace tollgate::core
