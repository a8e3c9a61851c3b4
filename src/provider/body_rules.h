// What providers of the OpenAI dialect take differently in a body: edits of single members, every other byte stays.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "core/json_edit.h"
#include "dialect/openai_request.h"

namespace tollgate::provider {

using NameSet = std::set<std::string, std::less<>>;

// One body on its way to an upstream. A rule may change the model's name; it does not touch members that every provider
// has changed alike (model, stream_options, the filtered ones) and edits no member twice.
struct BodyEdit {
  dialect::OpenAiRoute route;
  std::string& model;            // as the upstream will know it
  std::string_view asked_model;  // the client's name
  core::JsonEditor& editor;
  std::string_view body;                    // the editor's text
  const NameSet* keeps_thinking = nullptr;  // names from which "-thinking" is not taken

  // The raw text of a member; nullopt when it is absent or null.
  std::optional<std::string_view> raw(std::string_view name) const;
  // The client's name stands among those that keep their suffix.
  bool keeps_thinking_suffix() const { return keeps_thinking && keeps_thinking->contains(asked_model); }
};

using BodyRule = void (*)(BodyEdit& edit);

// OpenAI's own: reasoning models (dialect/openai_reasoning.h).
void openai_body(BodyEdit& edit);
void openrouter_body(BodyEdit& edit);
void xai_body(BodyEdit& edit);
void mistral_body(BodyEdit& edit);
void perplexity_body(BodyEdit& edit);
void zhipu_body(BodyEdit& edit);
void volcengine_body(BodyEdit& edit);
void baidu_body(BodyEdit& edit);
void dashscope_body(BodyEdit& edit);
void siliconflow_body(BodyEdit& edit);
void jina_body(BodyEdit& edit);

// For rules: max_completion_tokens as max_tokens, for servers that know only that name. The first wins when both are
// there and it is not 0.
void only_max_tokens(BodyEdit& edit);
// A top_p of 1 or more becomes `most`: for servers that want it below 1.
void clamp_top_p(BodyEdit& edit, std::string_view most);

}  // namespace tollgate::provider
