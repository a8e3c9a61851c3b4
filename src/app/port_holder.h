// Who has a port already: for the error of a start that cannot have it.
#pragma once
#include <cstdint>
#include <string>

namespace tollgate::app {

// "nginx (pid 123)" for the process of this machine that listens at the TCP port; empty when none can be seen.
std::string holder_of_port(std::uint16_t port);

// An error of binding, "<address>: <reason>", with the holder behind it when it can be seen.
std::string with_holder(std::string error);

}  // namespace tollgate::app
