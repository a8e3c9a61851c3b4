// Switching channels and single keys off and on: the row, its abilities and what is said about why and when.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "model/channel.h"
#include "model/channel_keys.h"

namespace tollgate::model {

// Each of these is one transaction over the channel and its abilities; other members of other_info stay.

// False: no such channel.
sql::Result<bool> set_channel_status(sql::Connection& db, core::ChannelId id, ChannelStatus status,
                                     std::string_view reason, std::int64_t now);

// From "disabled automatically" to enabled. False: it is in another status, is gone, or has several keys (enabling a
// key does not say that the channel works).
sql::Result<bool> enable_tested_channel(sql::Connection& db, core::ChannelId id, std::int64_t now);

// What an upstream's refusal of a key switches off.
enum class SwitchedOff { kNothing, kKey, kChannel };
struct Disabled {
  SwitchedOff what = SwitchedOff::kNothing;
  std::int64_t index = 0;  // of the key
};
// A channel with one key is disabled, of several keys the one that was used; the channel goes with its last key.
// Nothing happens to a channel or key that is off already, for whatever reason, or to one whose key has been replaced.
// An empty `key` (none could be chosen) only disables a channel that has none left, or has one.
sql::Result<Disabled> disable_failing(sql::Connection& db, core::ChannelId id, std::string_view key,
                                      std::string_view reason, std::int64_t now);

// Reads the keys of a channel with their state, lets `edit` change both, and writes them back when it says true. The
// status of the channel stays. False: no such channel, or `edit` said so.
using KeyEdit = std::function<bool(std::vector<std::string>& keys, KeyState& state)>;
sql::Result<bool> edit_channel_keys(sql::Connection& db, core::ChannelId id, const KeyEdit& edit);

sql::Result<void> set_channel_test_result(sql::Connection& db, core::ChannelId id, std::int64_t response_ms,
                                          std::int64_t now);
// In dollars.
sql::Result<void> set_channel_balance(sql::Connection& db, core::ChannelId id, double balance, std::int64_t now);

}  // namespace tollgate::model
