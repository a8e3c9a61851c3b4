// What xAI takes differently: suffixes of names, and few members of an image request.
#include "provider/body_rules.h"

namespace tollgate::provider {
namespace {

using dialect::OpenAiRoute;

bool take_suffix(std::string& model, std::string_view suffix) {
  if (!model.ends_with(suffix)) return false;
  model.resize(model.size() - suffix.size());
  return true;
}

// Any other member of an image request is refused.
void keep_image_members(BodyEdit& edit) {
  const auto* members = edit.editor.members();
  if (!members) return;
  for (std::size_t i = 0; i < members->size(); ++i) {
    auto key = edit.body.substr((*members)[i].key.begin, (*members)[i].key.size());
    bool known = false;
    for (std::string_view name : {"model", "prompt", "n", "response_format"})
      known = known || core::json_string_equals(key, name);
    if (!known) edit.editor.remove_member(i);
  }
}

}  // namespace

void xai_body(BodyEdit& edit) {
  if (edit.route == OpenAiRoute::kImages) return keep_image_members(edit);
  if (edit.route != OpenAiRoute::kChatCompletions) return;
  if (take_suffix(edit.model, "-search")) {
    edit.editor.set("search_parameters", R"({"mode":"on"})");
    return;
  }
  if (!edit.model.starts_with("grok-3-mini")) return;
  // max_tokens is called by its newer name.
  if (auto limit = edit.raw("max_tokens")) {
    if (!edit.raw("max_completion_tokens")) edit.editor.set("max_completion_tokens", std::string(*limit));
    edit.editor.remove("max_tokens");
  }
  for (std::string_view effort : {"high", "low", "medium"}) {
    if (!take_suffix(edit.model, "-" + std::string(effort))) continue;
    edit.editor.set("reasoning_effort", "\"" + std::string(effort) + "\"");
    return;
  }
}

}  // namespace tollgate::provider
