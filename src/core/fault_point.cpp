#include "core/fault_point.h"

#ifdef TOLLGATE_FAULT_POINTS
#include <signal.h>

#include <atomic>
#include <cstdlib>

#include "core/random.h"

namespace tollgate::core {
namespace {

// "<name>:<number>" from the environment.
struct Choice {
  explicit Choice(const char* variable) {
    const char* text = std::getenv(variable);
    std::string_view all(text ? text : "");
    auto colon = all.find(':');
    if (colon == std::string_view::npos) return;
    name = all.substr(0, colon);
    number = std::atoi(text + colon + 1);
  }
  std::string_view name;
  int number = 0;
};

}  // namespace

void fault_point(std::string_view name) {
  static const Choice chosen("FAULT_POINT");
  static std::atomic<int> left{chosen.number};
  if (name == chosen.name && --left == 0) ::raise(SIGKILL);
}

bool fault_happens(std::string_view name) {
  static const Choice chosen("FAULT_CHANCE");
  return name == chosen.name && FastRandom().below(100) < static_cast<std::uint64_t>(chosen.number);
}

}  // namespace tollgate::core
#endif
