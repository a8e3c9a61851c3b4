// What OpenRouter takes differently: one form of reasoning for all models behind it, usage asked for by a member.
#include "core/json_text.h"
#include "dialect/openai_reasoning.h"
#include "provider/body_rules.h"

namespace tollgate::provider {
namespace {

constexpr std::string_view kThinking = "-thinking";
constexpr std::string_view kOpenAi = "openai/";

// thinking as Anthropic's clients write it: {"type":"enabled","budget_tokens":n}.
void anthropic_thinking(BodyEdit& edit, std::string_view thinking) {
  std::string_view budget;
  bool enabled = false;
  if (auto members = core::scan_object(thinking)) {
    for (const auto& member : *members) {
      auto key = thinking.substr(member.key.begin, member.key.size());
      auto value = thinking.substr(member.value.begin, member.value.size());
      if (core::json_string_equals(key, "type")) enabled = core::json_string_equals(value, "enabled");
      if (core::json_string_equals(key, "budget_tokens") && value != "null") budget = value;
    }
  }
  edit.editor.remove("thinking");
  if (!enabled) return;
  edit.editor.set("reasoning", budget.empty() ? R"({"enabled":true})" : "{\"max_tokens\":" + std::string(budget) + "}");
}

}  // namespace

void openrouter_body(BodyEdit& edit) {
  if (edit.route != dialect::OpenAiRoute::kChatCompletions && edit.route != dialect::OpenAiRoute::kCompletions) return;
  if (!edit.raw("usage")) edit.editor.set("usage", R"({"include":true})");
  if (edit.route != dialect::OpenAiRoute::kChatCompletions) return;

  std::string effort;  // JSON text
  if (auto asked = edit.raw("reasoning_effort")) effort = *asked;
  bool has_reasoning = edit.raw("reasoning").has_value();
  bool thinks = edit.model.ends_with(kThinking) && !edit.keeps_thinking_suffix();
  if (thinks) edit.model.resize(edit.model.size() - kThinking.size());

  if (edit.model.starts_with(kOpenAi)) {
    auto name = edit.model.substr(kOpenAi.size());
    if (auto suffix = dialect::take_effort_suffix(name)) {
      effort = core::json_string(*suffix);
      edit.model = std::string(kOpenAi) + name;
    }
    dialect::adapt_to_reasoning_model(name, edit.editor, edit.body);
  }
  if (auto thinking = edit.raw("thinking"); thinking && edit.model.starts_with("anthropic")) {
    if (has_reasoning)
      edit.editor.remove("thinking");
    else
      anthropic_thinking(edit, *thinking);
    has_reasoning = true;
  }
  if (!has_reasoning && (thinks || !effort.empty())) {
    // "none" switches off what a name's suffix does not ask for.
    bool off = core::json_string_equals(effort, "none");
    std::string reasoning = off && !thinks ? "{" : R"({"enabled":true)";
    if (!effort.empty() && !(off && thinks)) reasoning += (off ? "\"effort\":" : ",\"effort\":") + effort;
    edit.editor.set("reasoning", reasoning + "}");
  }
  if (edit.raw("reasoning_effort")) edit.editor.remove("reasoning_effort");
}

}  // namespace tollgate::provider
