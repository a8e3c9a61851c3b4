// The whole program, from its command line to its exit code.
#pragma once
#include <string>
#include <vector>

namespace tollgate::app {

int run(const std::vector<std::string>& arguments);

}  // namespace tollgate::app
