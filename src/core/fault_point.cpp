#include "core/fault_point.h"

#ifdef TOLLGATE_FAULT_POINTS
#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <string>

namespace tollgate::core {

void fault_point(std::string_view name) {
  static const std::string chosen = [] {
    const char* text = std::getenv("FAULT_POINT");
    return std::string(text ? text : "");
  }();
  static const auto colon = chosen.find(':');
  if (colon == std::string::npos || std::string_view(chosen).substr(0, colon) != name) return;
  static std::atomic<int> left{std::atoi(chosen.c_str() + colon + 1)};
  if (--left == 0) ::raise(SIGKILL);
}

}  // namespace tollgate::core
#endif
