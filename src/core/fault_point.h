// Named steps at which a test can have the process killed, or an operation fail, to see what survives. Only in builds
// with TOLLGATE_FAULT_POINTS (every preset but release); elsewhere a step is nothing.
#pragma once
#include <string_view>

namespace tollgate::core {

#ifdef TOLLGATE_FAULT_POINTS
// Kills the process without a word when FAULT_POINT in the environment is "<name>:<n>" and this is the n-th pass.
void fault_point(std::string_view name);
// Whether this pass goes wrong: for so many of a hundred when FAULT_CHANCE in the environment is "<name>:<percent>".
bool fault_happens(std::string_view name);
#else
inline void fault_point(std::string_view) {}
inline bool fault_happens(std::string_view) { return false; }
#endif

}  // namespace tollgate::core
