#include "provider/body_rules.h"

#include <charconv>

#include "dialect/openai_reasoning.h"

namespace tollgate::provider {
namespace {

using core::JsonMember;
using dialect::OpenAiRoute;

std::string_view text_of(std::string_view body, core::JsonSpan span) { return body.substr(span.begin, span.size()); }

const JsonMember* find(const BodyEdit& edit, std::string_view name) {
  const auto* members = edit.editor.members();
  if (!members) return nullptr;
  const JsonMember* found = nullptr;  // the last one counts, as for most readers
  for (const auto& member : *members)
    if (core::json_string_equals(text_of(edit.body, member.key), name)) found = &member;
  return found;
}

double number(std::string_view raw) {
  double value = 0;
  std::from_chars(raw.data(), raw.data() + raw.size(), value);
  return value;
}

}  // namespace

std::optional<std::string_view> BodyEdit::raw(std::string_view name) const {
  const auto* member = find(*this, name);
  if (!member) return std::nullopt;
  auto value = text_of(body, member->value);
  return value == "null" ? std::nullopt : std::optional(value);
}

void only_max_tokens(BodyEdit& edit) {
  const auto* newer = find(edit, "max_completion_tokens");
  if (!newer) return;
  auto value = text_of(edit.body, newer->value);
  const bool counts = value != "null" && number(value) != 0;
  if (counts && find(edit, "max_tokens")) edit.editor.set("max_tokens", std::string(value));
  if (counts && !find(edit, "max_tokens"))
    edit.editor.replace(newer->key, "\"max_tokens\"");
  else
    edit.editor.remove("max_completion_tokens");
}

void clamp_top_p(BodyEdit& edit, std::string_view most) {
  if (auto value = edit.raw("top_p"); value && number(*value) >= 1) edit.editor.set("top_p", std::string(most));
}

void openai_body(BodyEdit& edit) {
  if (edit.route == OpenAiRoute::kChatCompletions)
    dialect::adapt_to_reasoning_model(edit.model, edit.editor, edit.body);
}

void perplexity_body(BodyEdit& edit) {
  only_max_tokens(edit);
  clamp_top_p(edit, "0.99");
}

// A model asked for with "-search" searches the web.
void baidu_body(BodyEdit& edit) {
  constexpr std::string_view kSuffix = "-search";
  if (edit.route != OpenAiRoute::kChatCompletions || !edit.model.ends_with(kSuffix)) return;
  edit.model.resize(edit.model.size() - kSuffix.size());
  if (!edit.raw("web_search"))
    edit.editor.set("web_search",
                    R"({"enable":true,"enable_citation":true,"enable_trace":true,"enable_status":false})");
}

// DeepSeek's models think when their name says so.
void volcengine_body(BodyEdit& edit) {
  constexpr std::string_view kSuffix = "-thinking";
  if (edit.route != OpenAiRoute::kChatCompletions || !edit.model.starts_with("deepseek") ||
      !edit.model.ends_with(kSuffix) || edit.keeps_thinking_suffix())
    return;
  edit.model.resize(edit.model.size() - kSuffix.size());
  edit.editor.set("thinking", R"({"type":"enabled"})");
}

// top_p lies between 0 and 1, both excluded.
void dashscope_body(BodyEdit& edit) {
  if (edit.route == OpenAiRoute::kEmbeddings) return;
  clamp_top_p(edit, "0.999");
  if (auto value = edit.raw("top_p"); value && number(*value) <= 0) edit.editor.set("top_p", "0.001");
}

void jina_body(BodyEdit& edit) {
  if (edit.route == OpenAiRoute::kEmbeddings) edit.editor.remove("encoding_format");
}

// Images by the names of its own API; a completion with prefix or suffix still needs a message.
void siliconflow_body(BodyEdit& edit) {
  auto renamed = [&](std::string_view from, std::string_view to) {
    const auto* member = find(edit, from);
    if (!member) return;
    if (edit.raw(to))
      edit.editor.remove(from);
    else
      edit.editor.replace(member->key, "\"" + std::string(to) + "\"");
  };
  if (edit.route == OpenAiRoute::kImages) {
    renamed("size", "image_size");
    renamed("n", "batch_size");
  }
  if (edit.route != OpenAiRoute::kChatCompletions || (!edit.raw("prefix") && !edit.raw("suffix"))) return;
  auto messages = edit.raw("messages");
  auto list = messages ? core::scan_array(*messages) : std::nullopt;
  if (!messages || (list && list->empty())) edit.editor.set("messages", R"([{"role":"user","content":""}])");
}

}  // namespace tollgate::provider
