// Where a database's host is.
#pragma once
#include <string>
#include <vector>

namespace tollgate::sql {

struct FoundAddresses {
  std::vector<std::string> texts;  // numeric; empty: the name does not resolve
  bool remembered = false;         // from before, because names cannot be looked up now
};

// Asks the system anew each time, which may take as long as its resolver does. While that fails the answer of before
// is given for five minutes, and the system asked every ten seconds at most. Any thread.
FoundAddresses addresses_of(const std::string& host);

}  // namespace tollgate::sql
