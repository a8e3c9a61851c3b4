// How many requests a user may make in a window, by group: the options ModelRequestRateLimit….
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/option_table.h"
#include "dialect/openai_error.h"
#include "net/awaitable.h"

namespace tollgate::relay {

struct Request;

// The options, read once. Off: one test a request.
struct ModelLimits {
  struct Counts {
    std::int64_t total = 0;    // requests, failed ones too; 0: no limit
    std::int64_t success = 0;  // requests that went well; 0: no limit
  };
  bool enabled = false;
  std::int64_t minutes = 0;  // the window
  Counts all;
  std::map<std::string, Counts, std::less<>> groups;  // these instead of `all`

  static ModelLimits of(const core::Options& options);
  // The group of the key, or of its user where the key has none; "auto" is a group of that name.
  const Counts& of_group(std::string_view group) const;
};

// Behind the gate, while the limits are on: counts the request, or refuses it with 429. The answer's head gets the
// x-ratelimit fields either way.
net::awaitable<std::optional<dialect::RelayError>> check_model_limit(Request& request);
// At the end of a request that is charged: its answer has a status below 400.
void record_model_success(Request& request);

}  // namespace tollgate::relay
