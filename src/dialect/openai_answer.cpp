#include "dialect/openai_answer.h"

#include <simdjson.h>

#include "dialect/openai_usage_dom.h"

namespace tollgate::dialect {
namespace {

namespace dom = simdjson::dom;

void append_text(const simdjson::simdjson_result<dom::element>& value, std::string& out) {
  std::string_view text;
  if (value.get_string().get(text) == simdjson::SUCCESS) out += text;
}

bool has_text(const simdjson::simdjson_result<dom::element>& value) {
  std::string_view text;
  return value.get_string().get(text) == simdjson::SUCCESS && !text.empty();
}

bool has_something(const simdjson::simdjson_result<dom::element>& value) {
  dom::element element;
  if (value.get(element) != simdjson::SUCCESS || element.is_null()) return false;
  if (dom::array array; element.get_array().get(array) == simdjson::SUCCESS) return array.size() > 0;
  if (dom::object object; element.get_object().get(object) == simdjson::SUCCESS) return object.size() > 0;
  std::string_view text;
  if (element.get_string().get(text) == simdjson::SUCCESS) return !text.empty();
  return true;
}

// Jina reports a total; servers of the kind of SiliconFlow report tokens under `meta`. A list without results is an
// answer: a threshold may leave none.
void read_rerank(const dom::object& object, OpenAiAnswer& answer) {
  answer.is_empty = !object["results"].is_array() && !object["data"].is_array();
  if (!answer.usage && !answer.usage_refused) {
    dom::element tokens;
    if (object["meta"]["tokens"].get(tokens) == simdjson::SUCCESS && tokens.is_object())
      answer.usage = read_openai_usage(tokens, &answer.usage_refused);
    return;
  }
  if (answer.usage && answer.usage->total_tokens > 0) {
    answer.usage->prompt_tokens = answer.usage->total_tokens;
    answer.usage->completion_tokens = 0;
  }
}

}  // namespace

OpenAiAnswer read_openai_answer(OpenAiRoute route, std::string_view body) {
  OpenAiAnswer answer;
  thread_local std::unique_ptr<dom::parser> parser;
  if (!parser || parser->capacity() > (4U << 20U)) parser = std::make_unique<dom::parser>();
  dom::element document;
  if (parser->parse(body.data(), body.size(), false).get(document) != simdjson::SUCCESS) return answer;
  dom::object object;
  if (document.get_object().get(object) != simdjson::SUCCESS) return answer;
  answer.valid = true;

  dom::object error;
  if (object["error"].get_object().get(error) == simdjson::SUCCESS) answer.is_error = has_text(error["type"]);

  dom::element usage;
  if (object["usage"].get(usage) == simdjson::SUCCESS && usage.is_object())
    answer.usage = read_openai_usage(usage, &answer.usage_refused);
  bool count_text = !answer.usage || answer.usage->completion_tokens == 0;

  switch (route) {
    case OpenAiRoute::kEmbeddings:
      answer.is_empty = !has_something(object["data"]) && !has_something(object["embeddings"]);
      return answer;
    case OpenAiRoute::kImages:
    case OpenAiRoute::kImageEdits: answer.is_empty = !has_something(object["data"]); return answer;
    case OpenAiRoute::kModerations: answer.is_empty = !has_something(object["results"]); return answer;
    case OpenAiRoute::kSpeech: answer.is_empty = object.size() == 0; return answer;
    case OpenAiRoute::kRerank: read_rerank(object, answer); return answer;
    default: break;
  }
  bool anything = false;
  dom::array choices;
  if (object["choices"].get_array().get(choices) == simdjson::SUCCESS) {
    for (auto choice : choices) {
      std::string_view reason;
      if (choice["finish_reason"].get_string().get(reason) == simdjson::SUCCESS && !reason.empty()) {
        anything = true;
        if (reason == "content_filter") answer.content_filtered = true;
      }
      auto message = choice["message"];
      for (auto name : {"content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call", "audio"})
        anything = anything || has_something(message[name]);
      anything = anything || has_text(choice["text"]);
      if (dom::array calls; message["tool_calls"].get_array().get(calls) == simdjson::SUCCESS)
        answer.tool_calls += static_cast<std::int64_t>(calls.size());
      if (!count_text) continue;
      append_text(message["content"], answer.output_text);
      append_text(message["reasoning_content"], answer.output_text);
      append_text(message["reasoning"], answer.output_text);
      append_text(choice["text"], answer.output_text);
    }
  }
  answer.is_empty = !anything;
  return answer;
}

}  // namespace tollgate::dialect
