#include "dialect/media_stream.h"

#include <simdjson.h>

#include "billing/media_tokens.h"
#include "dialect/json_walk.h"
#include "dialect/openai_usage.h"

namespace tollgate::dialect {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::int64_t kPartialImage = 100;  // output tokens of one, OpenAI API, Images

void add(billing::Usage& sum, const billing::Usage& part) {
  for (std::int64_t billing::Usage::* member :
       {&billing::Usage::prompt_tokens, &billing::Usage::completion_tokens, &billing::Usage::total_tokens,
        &billing::Usage::cached_tokens, &billing::Usage::cache_creation_tokens, &billing::Usage::prompt_text_tokens,
        &billing::Usage::prompt_audio_tokens, &billing::Usage::prompt_image_tokens,
        &billing::Usage::completion_text_tokens, &billing::Usage::completion_audio_tokens,
        &billing::Usage::completion_image_tokens, &billing::Usage::reasoning_tokens})
    sum.*member += part.*member;
}

}  // namespace

StreamAction MediaStreamReader::on_event(std::string_view payload, std::string_view name) {
  if (payload.starts_with("[DONE]")) {
    done_ = true;
    return StreamAction::kDone;
  }
  EventJson event(payload);
  if (!event.valid()) return StreamAction::kForward;

  std::string type(name);
  std::string usage_text;
  bool is_error = name == "error";
  std::int64_t audio = 0;
  each_member(event.root(), [&](std::string_view key, ondemand::value& value) {
    std::string_view text;
    if (key == "type") {
      if (string_of(value, text)) type = text;
    } else if (key == "audio") {
      if (string_of(value, text)) audio = static_cast<std::int64_t>(text.size()) / 4 * 3;
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
  audio_bytes_ += audio;
  if (type.ends_with(".partial_image")) ++partial_images_;
  // This uses the thread's padded buffer again: nothing of the event is looked at after it.
  if (!usage_text.empty()) take_usage(usage_text);
  if (!type.ends_with(".completed") && !type.ends_with(".done")) return StreamAction::kForward;
  return ++finished_ >= wanted_ ? StreamAction::kLast : StreamAction::kForward;
}

void MediaStreamReader::take_usage(const std::string& text) {
  bool refused = false;
  if (auto part = read_openai_usage(text, &refused); part && part->usable()) {
    add(usage_, *part);
    has_usage_ = true;
  } else if (refused) {
    usage_refused_ = true;
    has_usage_ = false;
  }
}

std::int64_t MediaStreamReader::counted_tokens(std::string_view) const {
  return billing::audio_tokens_by_size(audio_bytes_) + kPartialImage * partial_images_;
}

}  // namespace tollgate::dialect
