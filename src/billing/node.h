// Who this node is: an id that stays with the data directory, and a count of its starts.
#pragma once
#include <cstdint>
#include <string>

#include "core/result.h"

namespace tollgate::billing {

struct Node {
  std::string id;                // uuid
  std::int64_t incarnation = 0;  // + 1 at each start
};

// As <directory>/node.json has it. kNotFound: there is none.
core::Result<Node> read_node(const std::string& directory);
// Reads <directory>/node.json, raises the incarnation and writes it back (by rename); makes it when there is none.
core::Result<Node> open_node(const std::string& directory);

}  // namespace tollgate::billing
