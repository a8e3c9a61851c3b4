// Whole answers (no stream) that are JSON.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "billing/usage.h"
#include "dialect/openai_request.h"

namespace tollgate::dialect {

struct OpenAiAnswer {
  bool valid = false;     // a JSON object
  bool is_error = false;  // holds an error object with a type: a failure in the clothes of a 200
  bool is_empty = false;  // no content, call, refusal or finish reason: nothing was answered
  std::optional<billing::Usage> usage;
  bool usage_refused = false;  // it had one whose figures cannot be
  bool content_filtered = false;
  std::string output_text;  // of all choices: content, reasoning; only filled when usage lacks completion tokens
  std::int64_t tool_calls = 0;
};

// `body` has 64 readable bytes behind it.
OpenAiAnswer read_openai_answer(OpenAiRoute route, std::string_view body);

}  // namespace tollgate::dialect
