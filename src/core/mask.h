// Hides hosts and addresses in texts that go to clients or into logs.
#pragma once
#include <string>
#include <string_view>

namespace tollgate::core {

// URLs keep scheme and the tail of the host, domain names keep their tail, IPv4 addresses and api_key:… become stars.
std::string mask_sensitive(std::string_view text);

}  // namespace tollgate::core
