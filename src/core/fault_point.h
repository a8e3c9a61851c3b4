// Named steps at which a test can have the process killed, to see what survives. Only in builds with
// TOLLGATE_FAULT_POINTS (every preset but release); elsewhere a step is nothing.
#pragma once
#include <string_view>

namespace tollgate::core {

#ifdef TOLLGATE_FAULT_POINTS
// Kills the process without a word when FAULT_POINT in the environment is "<name>:<n>" and this is the n-th pass.
void fault_point(std::string_view name);
#else
inline void fault_point(std::string_view) {}
#endif

}  // namespace tollgate::core
