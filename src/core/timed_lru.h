// A map that forgets: entries end with their time, and the ones used longest ago go when it is full. In parts with a
// lock each, so that threads seldom meet.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/clock.h"

namespace tollgate::core {

// Thread-safe. `most` entries are spread over the parts, each of which holds at least one.
template <class Value>
class TimedLru {
 public:
  std::optional<Value> find(std::string_view key, SteadyTime now) {
    auto& part = part_of(key);
    std::lock_guard lock(part.mutex);
    auto found = part.map.find(key);
    if (found == part.map.end()) return std::nullopt;
    if (found->second->until <= now) {
      part.drop(found->second);
      return std::nullopt;
    }
    part.list.splice(part.list.begin(), part.list, found->second);
    return found->second->value;
  }

  // change(value) sees what is there, or a new Value{}; the entry then lives until `until`.
  template <class Change>
  void update(std::string_view key, SteadyTime now, SteadyTime until, std::size_t most, Change change) {
    auto& part = part_of(key);
    std::lock_guard lock(part.mutex);
    auto found = part.map.find(key);
    if (found != part.map.end() && found->second->until <= now) {
      part.drop(found->second);
      found = part.map.end();
    }
    if (found == part.map.end()) {
      part.list.push_front({std::string(key), Value{}, until});
      part.map.emplace(part.list.front().key, part.list.begin());
    } else {
      part.list.splice(part.list.begin(), part.list, found->second);
    }
    auto& entry = part.list.front();
    entry.until = until;
    change(entry.value);
    while (part.list.size() > std::max<std::size_t>(1, most / kParts)) part.drop(std::prev(part.list.end()));
  }

  // Each key that still lives; `visit` must not call back.
  void each_key(SteadyTime now, const std::function<void(std::string_view)>& visit) {
    for (auto& part : parts_) {
      std::lock_guard lock(part.mutex);
      for (const auto& entry : part.list)
        if (entry.until > now) visit(entry.key);
    }
  }

  // How many were dropped.
  std::size_t erase_if(const std::function<bool(std::string_view)>& drops) {
    std::size_t dropped = 0;
    for (auto& part : parts_) {
      std::lock_guard lock(part.mutex);
      for (auto entry = part.list.begin(); entry != part.list.end();) {
        auto next = std::next(entry);
        if (drops(entry->key)) {
          part.drop(entry);
          ++dropped;
        }
        entry = next;
      }
    }
    return dropped;
  }

 private:
  static constexpr std::size_t kParts = 16;

  struct Entry {
    std::string key;
    Value value;
    SteadyTime until;
  };
  struct Part {
    std::mutex mutex;
    std::list<Entry> list;  // the one used last in front
    std::unordered_map<std::string_view, typename std::list<Entry>::iterator> map;
    void drop(typename std::list<Entry>::iterator entry) {
      map.erase(entry->key);
      list.erase(entry);
    }
  };
  Part& part_of(std::string_view key) { return parts_[std::hash<std::string_view>{}(key) % kParts]; }

  std::array<Part, kParts> parts_;
};

}  // namespace tollgate::core
