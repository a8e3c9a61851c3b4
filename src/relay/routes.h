// The paths that are relayed, and what each of them is.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "dialect/openai_request.h"

namespace tollgate::relay {

struct Route {
  std::string_view path;  // {model} stands for one segment
  dialect::OpenAiRoute kind;
  // The model of a body that names none. Where the route wants one of the body it only serves to find a channel.
  std::string_view default_model = {};
};

// All are POST.
std::span<const Route> routes();
// nullptr for a path that is not in the table.
const Route* find_route(std::string_view path);

// The model for which a channel is looked for when the body names none: of the path, else the route's; "" when neither
// has one.
std::string model_without_body(std::string_view path);

// What bodies a route takes.
enum class Takes { kJson, kForm, kJsonOrForm };
Takes takes(dialect::OpenAiRoute route);

// Whether the answer is the words of a recording.
bool is_transcript(dialect::OpenAiRoute route);

// Whether the option or channel setting that passes bodies on as they are holds on this route.
bool may_pass_body(dialect::OpenAiRoute route);

}  // namespace tollgate::relay
