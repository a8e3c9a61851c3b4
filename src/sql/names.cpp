#include "sql/names.h"

#include <netdb.h>
#include <sys/socket.h>

#include <chrono>
#include <map>
#include <mutex>

#include "core/log.h"
#include "core/name_memory.h"

namespace tollgate::sql {
namespace {

using std::chrono::steady_clock;

constexpr auto kAskAgain = std::chrono::seconds(10);  // a resolver that is away keeps each caller for many seconds

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
  static std::map<std::string, steady_clock::time_point> failed;  // when a name that is remembered last meant nothing
  auto known = core::remembered_addresses(host);
  if (!known.empty()) {
    std::lock_guard lock(mutex);
    if (auto last = failed.find(host); last != failed.end() && steady_clock::now() - last->second < kAskAgain)
      return {std::move(known), true};
  }
  if (auto found = ask_system(host); !found.empty()) {
    core::remember_addresses(host, found);
    return {std::move(found), false};
  }
  if (known.empty()) return {};
  core::log::warn("database: the name {} does not resolve; its last address is used", host);
  std::lock_guard lock(mutex);
  failed.insert_or_assign(host, steady_clock::now());
  return {std::move(known), true};
}

}  // namespace tollgate::sql
