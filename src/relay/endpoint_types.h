// Which kinds of endpoint serve a model, as model lists say it (supported_endpoint_types): by the types of its channels
// and by its name.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tollgate::relay {

// In the order in which the channels bring them, each once. `channel_types`: of the enabled channels, in any group.
std::vector<std::string_view> endpoint_types(std::string_view model, std::span<const int> channel_types);

}  // namespace tollgate::relay
