#include "dialect/openai_patch.h"

#include "core/json_text.h"

namespace tollgate::dialect {
namespace {

using core::JsonSpan;

// What the model takes as its system role.
std::string_view system_role(std::string_view model) {
  bool o_series = model.starts_with("o") && !model.starts_with("o1-mini") && !model.starts_with("o1-preview");
  return o_series || model.starts_with("gpt-5") ? "developer" : "system";
}

std::string_view text_of(std::string_view body, JsonSpan span) { return body.substr(span.begin, span.size()); }

bool insert_system_prompt(const OpenAiPatch& patch, std::string_view model, core::JsonEditor& editor,
                          std::string_view body) {
  const auto* members = editor.members();
  if (!members) return false;
  for (const auto& member : *members) {
    if (!core::json_string_equals(text_of(body, member.key), "messages")) continue;
    auto messages = core::scan_array(body, member.value.begin);
    if (!messages) return false;
    auto role = system_role(model);
    for (const auto& span : *messages) {
      auto fields = core::scan_object(body, span.begin);
      if (!fields) continue;
      const core::JsonMember* content = nullptr;
      bool is_system = false;
      for (const auto& field : *fields) {
        auto key = text_of(body, field.key);
        auto value = text_of(body, field.value);
        if (core::json_string_equals(key, "role") && value.starts_with('"'))
          is_system = core::json_string_equals(value, role);
        if (core::json_string_equals(key, "content")) content = &field;
      }
      if (!is_system) continue;
      if (!patch.system_prompt_override || !content) return false;
      auto value = text_of(body, content->value);
      auto prompt = core::json_string(patch.system_prompt);
      if (value.starts_with('"')) {
        prompt.pop_back();
        editor.replace({content->value.begin, content->value.begin + 1}, prompt + "\\n");
      } else if (value.starts_with('[')) {
        bool empty = value.find_first_not_of(" \t\r\n", 1) == value.size() - 1;
        editor.replace({content->value.begin, content->value.begin + 1},
                       "[{\"type\":\"text\",\"text\":" + prompt + "}" + (empty ? "" : ","));
      } else {
        editor.replace(content->value, prompt);
      }
      return true;
    }
    auto open = member.value.begin + 1;
    editor.replace({open, open}, "{\"role\":\"" + std::string(role) + "\",\"content\":" +
                                     core::json_string(patch.system_prompt) + "}" + (messages->empty() ? "" : ","));
    return false;
  }
  return false;
}

}  // namespace

bool patch_openai_request(const OpenAiRequest& request, const OpenAiPatch& patch, core::JsonEditor& editor,
                          std::string_view body) {
  if (!patch.upstream_model.empty() && (request.model_added || patch.upstream_model != request.model))
    editor.set("model", core::json_string(patch.upstream_model));
  if (request.filtered_members) {
    if (patch.drop_service_tier) editor.remove("service_tier");
    if (patch.drop_store) editor.remove("store");
    if (patch.drop_safety_identifier) editor.remove("safety_identifier");
  }
  if (request.stream && patch.ask_usage) {
    if (request.include_usage != IncludeUsage::kTrue) editor.set("stream_options", "{\"include_usage\":true}");
  } else if (patch.drop_stream_options && request.include_usage != IncludeUsage::kAbsent) {
    editor.remove("stream_options");
  }
  if (patch.system_prompt.empty()) return false;
  auto model = patch.upstream_model.empty() ? std::string_view(request.model) : patch.upstream_model;
  return insert_system_prompt(patch, model, editor, body);
}

}  // namespace tollgate::dialect
