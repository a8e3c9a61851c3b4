// What OpenAI's reasoning models (o-series, gpt-5) take differently from the chat models before them. Clients written
// for those go on working: the same edits the compatible product makes, as spans of text.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "core/json_edit.h"

namespace tollgate::dialect {

// For a chat body towards `upstream_model`; other names change nothing. An effort suffix (gpt-5-high) leaves the name
// and becomes reasoning_effort; max_tokens becomes max_completion_tokens; sampling members that the API refuses go;
// leading system messages become developer messages.
void adapt_to_reasoning_model(std::string& upstream_model, core::JsonEditor& editor, std::string_view body);

// Takes an effort suffix off the name: "high" of o3-mini-high. nullopt when it has none.
std::optional<std::string> take_effort_suffix(std::string& model);

}  // namespace tollgate::dialect
