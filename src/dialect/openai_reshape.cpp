#include "dialect/openai_reshape.h"

#include <charconv>
#include <optional>
#include <vector>

#include "core/json_edit.h"

namespace tollgate::dialect {
namespace {

using core::JsonMember;
using core::JsonSpan;
using Send = std::function<void(std::string_view)>;

constexpr std::string_view kThinkBegin = "\"<think>\\n";
constexpr std::string_view kThinkEnd = "\"\\n</think>\\n\"";

// An object of the text, looked into one level deep. Raw JSON texts throughout: no number or escape is read.
class Object {
 public:
  Object(std::string_view text, std::size_t at) : text_(text) {
    if (auto members = core::scan_object(text, at)) members_ = std::move(*members);
  }
  const JsonMember* find(std::string_view name) const {
    for (const auto& member : members_)
      if (core::json_string_equals(part(member.key), name)) return &member;
    return nullptr;
  }
  // "" when absent.
  std::string_view raw(std::string_view name) const {
    const auto* member = find(name);
    return member ? part(member->value) : std::string_view();
  }
  std::string_view part(JsonSpan span) const { return text_.substr(span.begin, span.size()); }
  const std::vector<JsonMember>& members() const { return members_; }
  bool empty() const { return members_.empty(); }

 private:
  std::string_view text_;
  std::vector<JsonMember> members_;
};

bool says_something(std::string_view raw) { return raw.size() > 2 && raw.starts_with('"'); }

std::int64_t number(std::string_view raw) {
  std::int64_t value = 0;
  std::from_chars(raw.data(), raw.data() + raw.size(), value);
  return value;
}

std::vector<JsonSpan> elements(std::string_view text, const JsonMember* array) {
  if (!array) return {};
  auto list = core::scan_array(text, array->value.begin);
  return list ? std::move(*list) : std::vector<JsonSpan>();
}

// The members of `names` that are there, null where `nulls` says so; without braces.
std::string chosen(const Object& object, std::initializer_list<std::string_view> names,
                   std::initializer_list<std::string_view> nulls = {}) {
  std::string out;
  auto add = [&](std::string_view name, std::string_view raw) {
    if (!out.empty()) out += ',';
    out += '"';
    out += name;
    out += "\":";
    out += raw;
  };
  for (auto name : names) {
    auto raw = object.raw(name);
    bool keeps_null = false;
    for (auto one : nulls) keeps_null = keeps_null || one == name;
    if (keeps_null)
      add(name, raw.empty() ? "null" : raw);
    else if (!raw.empty() && raw != "null")
      add(name, raw);
  }
  return out;
}

std::string canonical_usage(std::string_view raw) {
  if (!raw.starts_with('{')) return "null";
  auto usage = read_openai_usage(raw);
  return usage ? write_openai_usage(*usage) : std::string(raw);
}

std::string canonical_choice(std::string_view text, JsonSpan span, bool chunk) {
  Object choice(text, span.begin);
  std::string_view inner = chunk ? "delta" : "message";
  const auto* message = choice.find(inner);
  Object fields(text, message ? message->value.begin : text.size());
  std::string said =
      chunk ? chosen(fields, {"content", "reasoning_content", "reasoning", "role", "tool_calls"})
            : chosen(fields, {"role", "content", "reasoning_content", "reasoning", "tool_calls"}, {"content"});
  said = "\"" + std::string(inner) + "\":{" + said + "}";
  auto index = choice.raw("index");
  std::string place = "\"index\":" + std::string(index.empty() ? "0" : index);
  if (chunk)
    return "{" + said + "," + chosen(choice, {"logprobs", "finish_reason"}, {"logprobs", "finish_reason"}) + "," +
           place + "}";
  return "{" + place + "," + said + "," + chosen(choice, {"finish_reason"}, {"finish_reason"}) + "}";
}

std::string canonical(std::string_view text, bool chunk) {
  Object object(text, 0);
  const auto* choices = object.find("choices");
  if (!choices) return std::string(text);
  std::string list;
  for (auto span : elements(text, choices)) {
    if (!list.empty()) list += ',';
    list += canonical_choice(text, span, chunk);
  }
  std::string head =
      chunk ? chosen(object, {"id", "object", "created", "model", "system_fingerprint"}, {"system_fingerprint"})
            : chosen(object, {"id", "model", "object", "created"});
  std::string out = "{" + head;
  if (!head.empty()) out += ',';
  out += "\"choices\":[" + list + "]";
  auto usage = object.raw("usage");
  if (chunk || !usage.empty()) out += ",\"usage\":" + canonical_usage(usage);
  return out + "}";
}

// completion_tokens as what the total leaves for them.
std::string with_whole_completion(std::string_view text) {
  Object object(text, 0);
  const auto* usage = object.find("usage");
  if (!usage) return std::string(text);
  Object figures(text, usage->value.begin);
  const auto* completion = figures.find("completion_tokens");
  if (!completion) return std::string(text);
  auto whole = number(figures.raw("total_tokens")) - number(figures.raw("prompt_tokens"));
  if (whole <= number(figures.part(completion->value))) return std::string(text);
  std::string out(text.substr(0, completion->value.begin));
  out += std::to_string(whole);
  out += text.substr(completion->value.end);
  return out;
}

// A delta without its reasoning, with another content: raw JSON text, "" for none.
std::string with_content(const Object& delta, std::string_view content) {
  std::string out;
  auto add = [&](std::string_view key, std::string_view value) {
    if (!out.empty()) out += ',';
    out += key;
    out += ':';
    out += value;
  };
  for (const auto& member : delta.members()) {
    auto key = delta.part(member.key);
    bool dropped = false;
    for (std::string_view name : {"content", "reasoning_content", "reasoning"})
      dropped = dropped || core::json_string_equals(key, name);
    if (!dropped) add(key, delta.part(member.value));
  }
  if (!content.empty()) add("\"content\"", content);
  return "{" + out + "}";
}

std::string own_chunk(const Object& event, std::string_view index, std::string_view content) {
  auto head = chosen(event, {"id", "object", "created", "model"});
  return "{" + head + (head.empty() ? "" : ",") + "\"choices\":[{\"index\":" + std::string(index) +
         ",\"delta\":{\"content\":" + std::string(content) + "},\"finish_reason\":null}]}";
}

}  // namespace

void OpenAiReshaper::finish_event(std::string payload, const Send& send) const {
  if (rules_.whole_completion) payload = with_whole_completion(payload);
  if (rules_.canonical) payload = canonical(payload, true);
  send(payload);
}

void OpenAiReshaper::event(std::string_view payload, const Send& send) {
  if (!payload.starts_with('{')) return send(payload);
  if (!rules_.thinking_to_content) return finish_event(std::string(payload), send);
  Object event(payload, 0);
  core::JsonEditor editor(payload);
  for (auto span : elements(payload, event.find("choices"))) {
    Object choice(payload, span.begin);
    const auto* member = choice.find("delta");
    if (!member) continue;
    Object delta(payload, member->value.begin);
    auto reasoning = delta.raw("reasoning_content");
    if (!says_something(reasoning)) reasoning = delta.raw("reasoning");
    auto content = delta.raw("content");
    if (!delta.find("reasoning_content") && !delta.find("reasoning") && thinking_.empty()) continue;
    auto index = choice.raw("index");
    if (index.empty()) index = "0";
    auto& state = thinking_[std::string(index)];
    std::string thought;
    if (says_something(reasoning) && !state.ended) {
      thought = state.begun ? std::string(reasoning) : std::string(kThinkBegin) + std::string(reasoning.substr(1));
      state.begun = true;
    }
    if (says_something(content) && state.begun && !state.ended) {
      if (!thought.empty()) finish_event(own_chunk(event, index, thought), send);
      finish_event(own_chunk(event, index, kThinkEnd), send);
      thought.clear();
      state.ended = true;
    }
    editor.replace(member->value, with_content(delta, thought.empty() ? content : std::string_view(thought)));
  }
  finish_event(editor.text(), send);
}

std::string OpenAiReshaper::answer(std::string_view body) const {
  std::string out(body);
  if (rules_.whole_completion) out = with_whole_completion(out);
  if (rules_.canonical) out = canonical(out, false);
  return out;
}

}  // namespace tollgate::dialect
