// The channel that served the key of a request last: looked for before one is chosen, remembered behind an answer.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "core/types.h"
#include "net/awaitable.h"
#include "relay/affinity_rules.h"

namespace tollgate::billing {
struct Usage;
}

namespace tollgate::relay {

struct Request;

// A rule that applies to a request, and what it found.
struct Affinity {
  const AffinityRule* rule = nullptr;  // of the request's snapshot
  const AffinitySource* source = nullptr;
  std::string group;  // of the key; may be "auto"
  std::string cache_key;
  std::string fingerprint;  // of the value: tells values apart without showing them
  std::string hint;
  std::optional<core::ChannelId> remembered;
  std::string selected_group;  // empty: what is remembered was not used
  std::optional<core::ChannelId> used() const { return selected_group.empty() ? std::nullopt : remembered; }
};

// Sets request.affinity when a rule applies. The first rule that does decides, whether or not it remembers anything.
net::awaitable<void> find_affinity(Request& request);
// Takes the remembered channel when it is enabled and serves the model in one of the request's groups; sets channel and
// group. False: one is to be chosen.
bool use_affinity(Request& request);
// Behind an answer: the channel that served, or the one that was chosen first where the options say so.
void remember_channel(const Request& request);
void count_affinity_usage(const Request& request, const billing::Usage& usage);
// The member channel_affinity of a log row.
std::string affinity_json(const Request& request);

// 8 hexadecimal digits of SHA-1.
std::string affinity_fingerprint(std::string_view value);
// The value when it is short, else its first and last four bytes; on one line.
std::string affinity_hint(std::string_view value);

}  // namespace tollgate::relay
