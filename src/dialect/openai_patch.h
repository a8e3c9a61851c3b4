// The few edits a request needs on its way to an upstream of the same dialect; without one it passes as it came.
#pragma once
#include <string>
#include <string_view>

#include "core/json_edit.h"
#include "dialect/openai_request.h"

namespace tollgate::dialect {

struct OpenAiPatch {
  std::string_view upstream_model = {};  // empty: the client's name stays
  bool ask_usage = false;                // stream_options becomes {"include_usage":true}
  bool drop_stream_options = false;      // the upstream does not take it
  bool drop_service_tier = false;
  bool drop_store = false;
  bool drop_safety_identifier = false;
  std::string_view system_prompt = {};  // put before the conversation; empty: none
  bool system_prompt_override = false;  // also where the client has one: put in front of it
};

// Adds the edits to `editor`, whose text is the client's body. True when a system prompt of the client was changed.
bool patch_openai_request(const OpenAiRequest& request, const OpenAiPatch& patch, core::JsonEditor& editor,
                          std::string_view body);

}  // namespace tollgate::dialect
