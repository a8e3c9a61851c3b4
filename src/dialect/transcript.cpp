#include "dialect/transcript.h"

#include <simdjson.h>

#include <algorithm>

#include "core/ascii.h"
#include "dialect/json_walk.h"
#include "dialect/openai_usage.h"

namespace tollgate::dialect {
namespace {

namespace dom = simdjson::dom;
namespace ondemand = simdjson::ondemand;

constexpr std::string_view kTypes[] = {"application/json", "text/plain", "text/vtt", "application/x-subrip"};

std::string essence(std::string_view type) {
  auto text = core::ascii_lower(type.substr(0, type.find(';')));
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

OpenAiAnswer read_json(std::string_view body) {
  OpenAiAnswer answer;
  dom::parser parser;
  dom::object object;
  if (parser.parse(body.data(), body.size(), false).get_object().get(object) != simdjson::SUCCESS) return answer;
  answer.valid = true;
  dom::object error;
  std::string_view type;
  if (object["error"].get_object().get(error) == simdjson::SUCCESS)
    answer.is_error = error["type"].get_string().get(type) == simdjson::SUCCESS && !type.empty();
  dom::element member;
  answer.is_empty =
      object["text"].get(member) != simdjson::SUCCESS && object["segments"].get(member) != simdjson::SUCCESS;
  dom::object usage;
  // A usage of seconds has no tokens: the length of the recording is charged as we measured it.
  if (object["usage"].get_object().get(usage) == simdjson::SUCCESS)
    answer.usage = read_openai_usage(simdjson::minify(usage), &answer.usage_refused);
  return answer;
}

}  // namespace

OpenAiAnswer read_transcript(std::string_view content_type, std::string_view body) {
  auto type = essence(content_type);
  if (type == "application/json") return read_json(body);
  OpenAiAnswer answer;
  answer.valid = type != "text/html";
  answer.is_empty = body.empty();
  return answer;
}

std::string_view transcript_type(std::string_view content_type) {
  return std::ranges::find(kTypes, essence(content_type)) == std::end(kTypes) ? "text/plain; charset=utf-8"
                                                                              : content_type;
}

StreamAction TranscriptStreamReader::on_event(std::string_view payload, std::string_view name) {
  if (payload.starts_with("[DONE]")) {
    done_ = true;
    return StreamAction::kDone;
  }
  EventJson event(payload);
  if (!event.valid()) return StreamAction::kForward;

  std::string type(name), text, delta, usage_text;
  bool is_error = name == "error";
  each_member(event.root(), [&](std::string_view key, ondemand::value& value) {
    std::string_view string;
    if (key == "type") {
      if (string_of(value, string)) type = string;
    } else if (key == "delta") {
      if (string_of(value, string)) delta = string;
    } else if (key == "text") {
      if (string_of(value, string)) text = string;
    } else if (key == "error") {
      is_error = is_error || is_given(value);
    } else if (key == "usage") {
      usage_text = object_text(value);
    }
  });
  if (is_error || type == "error") {
    error_ = payload;
    return StreamAction::kError;
  }
  finished_ = finished_ || type.ends_with(".done");
  if (!delta.empty()) deltas_.add(delta);
  if (!text.empty()) (type.ends_with(".done") ? whole_ : segments_).add(text);
  seen_ = seen_ || finished_ || !delta.empty() || !text.empty();
  if (!usage_text.empty()) {
    // This uses the thread's padded buffer again: nothing of the event is looked at after it.
    auto usage = read_openai_usage(usage_text, &usage_refused_);
    has_usage_ = usage && usage->usable();
    if (has_usage_) usage_ = *usage;
  }
  return finished_ ? StreamAction::kLast : StreamAction::kForward;
}

std::int64_t TranscriptStreamReader::counted_tokens(std::string_view model) const {
  auto family = billing::text_family(model);
  return std::max({deltas_.tokens(family), segments_.tokens(family), whole_.tokens(family)});
}

}  // namespace tollgate::dialect
