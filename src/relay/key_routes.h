// Routes that need a key and no upstream: what a key may use, what it may still spend, and those that are not there.
#pragma once
#include <span>
#include <string_view>

#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::relay {

struct KeyRoute {
  std::string_view method;
  std::string_view pattern;  // {} stands for one segment, {*} for what is left; neither is empty
  net::awaitable<void> (*answer)(Request&) = nullptr;  // behind the gate
  bool checks_load = false;                            // of the machine, before the key
  bool open = false;                                   // no key is asked for
};

// Routes of another folder besides those of this one; once, before anything runs. The table lives as long as the
// process.
void add_key_routes(std::span<const KeyRoute> routes);

// nullptr for a method and path that are not in the tables. `path` is not decoded.
const KeyRoute* find_key_route(std::string_view method, std::string_view path);
// What stands in the path for the pattern's {} or {*} of this number, counted from 0; empty when there is none.
std::string_view path_part(std::string_view pattern, std::string_view path, std::size_t number);

}  // namespace tollgate::relay
