#include "core/name_memory.h"

#include <chrono>
#include <map>
#include <mutex>

namespace tollgate::core {
namespace {

using std::chrono::steady_clock;

constexpr auto kRemembered = std::chrono::minutes(5);

struct Memory {
  struct Entry {
    std::vector<std::string> addresses;
    steady_clock::time_point found;
  };
  std::mutex mutex;
  std::map<std::string, Entry> entries;
};

Memory& memory() {
  static Memory all;
  return all;
}

}  // namespace

void remember_addresses(const std::string& host, std::vector<std::string> addresses) {
  std::lock_guard lock(memory().mutex);
  memory().entries.insert_or_assign(host, Memory::Entry{std::move(addresses), steady_clock::now()});
}

std::vector<std::string> remembered_addresses(const std::string& host) {
  std::lock_guard lock(memory().mutex);
  auto found = memory().entries.find(host);
  if (found == memory().entries.end() || steady_clock::now() - found->second.found >= kRemembered) return {};
  return found->second.addresses;
}

}  // namespace tollgate::core
