// Requests that come as forms: what the gate, the price and the relay need of their fields (OpenAI API, Audio and
// Images).
#pragma once
#include <string>
#include <vector>

#include "core/result.h"
#include "dialect/openai_request.h"

namespace tollgate::dialect {

// A part of a form as this folder sees it. Both texts may be changed.
struct FormField {
  std::string* name;
  std::string* content_type;
  const std::string& file_name;  // of a file
  std::string* text;             // nullptr for a file
  bool removed = false;          // not to be sent on
};

// Fields become what the upstream gets: names that decide something are spelled as they should be, a second spelling is
// removed, a declared type is one of the route's. kInvalid with a text for the client when decoders could read two
// things; a broken rule of the route goes into the request.
core::Result<OpenAiRequest> read_form_request(OpenAiRoute route, std::vector<FormField>& fields);

}  // namespace tollgate::dialect
