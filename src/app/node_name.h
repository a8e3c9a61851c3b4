// What people call this node.
#pragma once
#include <string>

#include "core/config.h"

namespace tollgate::app {

// TOLLGATE_NODE_NAME, else HOSTNAME, else the machine's name. At most 64 bytes.
std::string node_name(const core::Config& config);
// The same for a header: '?' for what is not printable ASCII.
std::string printable_node_name(const core::Config& config);

}  // namespace tollgate::app
