// What GET /-/health and /readyz?verbose say of this node.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "billing/billing.h"
#include "net/worker.h"

namespace tollgate::app {

struct NodeHealth {
  std::string version;
  bool draining = false;
  int connections = 0;
  int requests = 0;                                                // of any kind, being answered
  std::uint64_t taken = 0;                                         // since the start
  std::uint64_t refused = 0;                                       // since the start, by the rules of HTTP
  std::int64_t relayed = 0;                                        // of those being answered on the relay's routes
  std::uint64_t overloaded = 0;                                    // refused for want of room since the start
  std::vector<std::pair<std::string_view, std::uint64_t>> errors;  // answers of the relay by reason since the start
  billing::BillingHealth money;
  net::Alive alive;              // of all workers
  std::string cluster = "null";  // JSON
  std::string redis = "null";    // JSON
};
std::string to_json(const NodeHealth& health);

}  // namespace tollgate::app
