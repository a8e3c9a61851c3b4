// One run of a job of the whole cluster, under the lease that this node held when it began.
#pragma once
#include <functional>

#include "sql/fence.h"

namespace tollgate::relay {

// Both are empty for a run that somebody has asked for.
struct JobRun {
  std::function<bool()> may_go_on;  // asked before each step: ends what would be in vain
  sql::Fence fence;                 // of every transaction that writes: decides
  bool goes_on() const { return !may_go_on || may_go_on(); }
};

}  // namespace tollgate::relay
