// The state of a channel's several keys, as the column channel_info holds it.
#pragma once
#include <boost/json/object.hpp>
#include <cstdint>
#include <string>

namespace tollgate::model {

struct KeyState {
  bool is_multi = false;
  std::int64_t size = 0;
  std::string mode;  // random, polling or empty
  std::int64_t polling_index = 0;
  boost::json::object status;           // index → 2 (by hand) or 3 (automatically); enabled keys do not stand here
  boost::json::object disabled_reason;  // index → text
  boost::json::object disabled_time;    // index → unix seconds

  std::int64_t status_of(std::int64_t index) const;  // 1 for an enabled key
  std::string reason_of(std::int64_t index) const;
  std::int64_t time_of(std::int64_t index) const;  // 0: not known
  void disable(std::int64_t index, std::int64_t status, std::string_view reason, std::int64_t now);
  void enable(std::int64_t index);
  // After the key at `index` was taken out: those behind it move up.
  void remove(std::int64_t index);
};

// A text that is no such object reads as a channel with one key.
KeyState read_key_state(const std::string& channel_info);
std::string write_key_state(const KeyState& state);

}  // namespace tollgate::model
