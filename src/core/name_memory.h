// What the names of servers meant last, for connects while names cannot be looked up.
#pragma once
#include <string>
#include <vector>

namespace tollgate::core {

// Of the whole process, for the few names that the configuration holds. Any thread.
void remember_addresses(const std::string& host, std::vector<std::string> addresses);
// As remembered within the last five minutes; empty: nothing is known.
std::vector<std::string> remembered_addresses(const std::string& host);

}  // namespace tollgate::core
