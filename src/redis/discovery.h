// What the configured addresses are: asked of the servers themselves. For this folder.
#pragma once
#include <string>
#include <vector>

#include "redis/router.h"

namespace tollgate::redis {

struct Discovered {
  Mode mode = Mode::kStandalone;  // never kAuto
  std::vector<Endpoint> endpoints;
  std::string master_name;            // of a sentinel group
  std::vector<std::string> warnings;  // for the operator
};

// What one server says of itself.
struct Probe {
  Endpoint endpoint;
  Mode mode = Mode::kStandalone;    // never kAuto
  std::vector<std::string> groups;  // that a sentinel watches
};

// Decides by what the servers said; `near` are sentinels found at the standard port of hosts that are data servers.
// Errors: kInvalid, beginning with the variable that has to change.
core::Result<Discovered> decide(const Address& address, const std::vector<Probe>& probes,
                                const std::vector<Probe>& near);

// Asks all addresses at once and decides a moment after the first has answered. Errors: as decide(), kDenied (password,
// certificate), kUnavailable.
net::awaitable<core::Result<Discovered>> discover(Network& network, Address address);

}  // namespace tollgate::redis
