// What the configured addresses are: asked of the servers themselves. For this folder.
#pragma once
#include <string>
#include <vector>

#include "redis/router.h"

namespace tollgate::redis {

struct Discovered {
  Mode mode = Mode::kStandalone;  // never kAuto
  std::vector<Endpoint> endpoints;
  std::string master_name;  // of a sentinel group
  std::vector<std::string> warnings;
};

// Errors: kDenied (password, certificate), kInvalid (the configuration cannot work with these servers), kUnavailable.
net::awaitable<core::Result<Discovered>> discover(Network& network, Address address);

}  // namespace tollgate::redis
