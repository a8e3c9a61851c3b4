// Why requests are answered with an error, as a short list of reasons that can be counted.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "core/clock.h"
#include "dialect/openai_error.h"

namespace tollgate::relay {

enum class Refusal {
  kKey,               // no key, an unknown one, expired, used up, of a user who is gone
  kRights,            // the key may not do this: address, group, model, channel
  kLimit,             // asked too often (docs/limits.md)
  kRequest,           // the request breaks a rule
  kNoChannel,         // nobody serves the model in this group
  kNoMoney,           // of user or key
  kNoPrice,           // the model has none
  kOverloaded,        // no room on this node
  kDatabaseAway,      // key or balance cannot be checked
  kChannel,           // the channel's settings or keys
  kUnreachable,       // no answer of the upstream
  kUpstreamRefused,   // the upstream's own error
  kUpstreamUnusable,  // an answer that is none
  kOther,
};
constexpr std::size_t kRefusals = static_cast<std::size_t>(Refusal::kOther) + 1;

std::string_view to_string(Refusal reason);
Refusal refusal_of(const dialect::RelayError& error);

// Of one worker: it writes, anybody reads.
class RefusalCounts {
 public:
  // How many there were since the last line about this reason, this one included; 0: it is not yet time for a line.
  std::uint64_t count(Refusal reason, core::SteadyTime now);
  std::uint64_t of(Refusal reason) const { return counts_[static_cast<std::size_t>(reason)]; }

 private:
  struct Told {
    core::SteadyTime next{};
    std::uint64_t count = 0;
  };
  std::array<std::atomic<std::uint64_t>, kRefusals> counts_{};
  std::array<Told, kRefusals> told_{};
};

}  // namespace tollgate::relay
