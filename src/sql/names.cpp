#include "sql/names.h"

#include <netdb.h>
#include <sys/socket.h>

#include <chrono>
#include <map>
#include <mutex>

#include "core/log.h"

namespace tollgate::sql {
namespace {

using std::chrono::steady_clock;

constexpr auto kRemembered = std::chrono::minutes(5);
constexpr auto kAskAgain = std::chrono::seconds(10);  // a resolver that is away keeps each caller for many seconds

struct Memory {
  std::vector<std::string> texts;
  steady_clock::time_point found;
  steady_clock::time_point failed{};  // the last time that nothing was found; before `found`: never
};

std::vector<std::string> ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  std::vector<std::string> texts;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return texts;
  for (auto* at = found; at; at = at->ai_next) {
    char text[64];
    if (::getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
      texts.emplace_back(text);
  }
  ::freeaddrinfo(found);
  return texts;
}

}  // namespace

FoundAddresses addresses_of(const std::string& host) {
  static std::mutex mutex;
  static std::map<std::string, Memory> memories;  // of the few hosts that connection strings name
  {
    std::lock_guard lock(mutex);
    auto known = memories.find(host);
    const auto now = steady_clock::now();
    if (known != memories.end() && now - known->second.failed < kAskAgain && now - known->second.found < kRemembered)
      return {known->second.texts, true};
  }
  auto texts = ask_system(host);
  std::lock_guard lock(mutex);
  const auto now = steady_clock::now();
  if (!texts.empty()) {
    memories.insert_or_assign(host, Memory{texts, now});
    return {std::move(texts), false};
  }
  auto known = memories.find(host);
  if (known == memories.end() || now - known->second.found >= kRemembered) return {};
  known->second.failed = now;
  core::log::warn("database: the name {} does not resolve; its last address is used", host);
  return {known->second.texts, true};
}

}  // namespace tollgate::sql
