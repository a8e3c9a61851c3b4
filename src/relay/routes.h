// The paths that are relayed, and what each of them is.
#pragma once
#include <span>
#include <string_view>

#include "dialect/openai_request.h"

namespace tollgate::relay {

struct Route {
  std::string_view path;
  dialect::OpenAiRoute kind;
};

// All are POST.
std::span<const Route> routes();
// nullptr for a path that is not in the table.
const Route* find_route(std::string_view path);

}  // namespace tollgate::relay
