// Routes that need a key and no upstream: what a key may use, what it may still spend, and those that are not there.
#pragma once
#include <string_view>

#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::relay {

struct KeyRoute {
  std::string_view method;
  std::string_view pattern;  // {} stands for one segment, {*} for what is left; neither is empty
  net::awaitable<void> (*answer)(Request&) = nullptr;  // behind the gate
  bool checks_load = false;                            // of the machine, before the key
};

// nullptr for a method and path that are not in the table. `path` is not decoded.
const KeyRoute* find_key_route(std::string_view method, std::string_view path);

}  // namespace tollgate::relay
