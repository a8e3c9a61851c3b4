#include "dialect/openai_reasoning.h"

namespace tollgate::dialect {
namespace {

using core::JsonMember;

std::string_view text_of(std::string_view body, core::JsonSpan span) { return body.substr(span.begin, span.size()); }

bool is_o_series(std::string_view model) {
  return model.size() >= 2 && model[0] == 'o' && model[1] >= '0' && model[1] <= '9';
}

// gpt-5.1 and newer take sampling members while they do not reason.
bool samples_without_effort(std::string_view model) { return model.starts_with("gpt-5.") && model.size() > 6; }

void system_to_developer(const JsonMember& messages, core::JsonEditor& editor, std::string_view body) {
  auto list = core::scan_array(body, messages.value.begin);
  if (!list) return;
  for (const auto& span : *list) {
    auto fields = core::scan_object(body, span.begin);
    if (!fields) return;
    const JsonMember* role = nullptr;
    for (const auto& field : *fields)
      if (core::json_string_equals(text_of(body, field.key), "role")) role = &field;
    if (!role || !core::json_string_equals(text_of(body, role->value), "system")) return;
    editor.replace(role->value, "\"developer\"");
  }
}

}  // namespace

std::optional<std::string> take_effort_suffix(std::string& model) {
  for (std::string_view suffix : {"-high", "-minimal", "-low", "-medium", "-none", "-xhigh"}) {
    if (!model.ends_with(suffix)) continue;
    model.resize(model.size() - suffix.size());
    return std::string(suffix.substr(1));
  }
  return std::nullopt;
}

void adapt_to_reasoning_model(std::string& upstream_model, core::JsonEditor& editor, std::string_view body) {
  const bool o_series = is_o_series(upstream_model);
  const bool gpt5 = upstream_model.starts_with("gpt-5");
  if (!o_series && !gpt5) return;
  const auto* members = editor.members();
  if (!members) return;

  std::string effort;
  if (auto suffix = take_effort_suffix(upstream_model)) {
    effort = *suffix;
    editor.set("reasoning_effort", "\"" + effort + "\"");
  }
  const JsonMember* max_tokens = nullptr;
  const JsonMember* messages = nullptr;
  bool has_completion_limit = false;
  for (const auto& member : *members) {
    auto key = text_of(body, member.key);
    auto value = text_of(body, member.value);
    if (core::json_string_equals(key, "max_tokens") && value != "null") max_tokens = &member;
    if (core::json_string_equals(key, "max_completion_tokens")) has_completion_limit = true;
    if (core::json_string_equals(key, "messages")) messages = &member;
    if (effort.empty() && core::json_string_equals(key, "reasoning_effort") && value.size() >= 2)
      effort = value.substr(1, value.size() - 2);
  }
  if (max_tokens && !has_completion_limit) editor.replace(max_tokens->key, "\"max_completion_tokens\"");

  const bool samples = gpt5 && (upstream_model.starts_with("gpt-5-chat") ||
                                (effort == "none" && samples_without_effort(upstream_model)));
  if (!samples) {
    for (std::string_view name : {"temperature", "presence_penalty", "frequency_penalty", "logit_bias", "top_logprobs"})
      editor.remove(name);
    if (gpt5) {
      editor.remove("top_p");
      editor.remove("logprobs");
    }
  }
  if (messages && !upstream_model.starts_with("o1-mini") && !upstream_model.starts_with("o1-preview"))
    system_to_developer(*messages, editor, body);
}

}  // namespace tollgate::dialect
