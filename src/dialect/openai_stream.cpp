#include "dialect/openai_stream.h"

#include <simdjson.h>

#include "core/json_text.h"
#include "dialect/json_walk.h"
#include "dialect/openai_usage.h"

namespace tollgate::dialect {
namespace {

namespace ondemand = simdjson::ondemand;

std::string_view trim(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

StreamAction OpenAiStreamReader::on_event(std::string_view payload, std::string_view) {
  if (payload.size() <= 16 && trim(payload).starts_with("[DONE]")) {
    done_ = true;
    return StreamAction::kDone;
  }
  EventJson event(payload);
  if (!event.valid()) return StreamAction::kForward;

  bool is_error = false;
  std::size_t choices = 0;
  std::string usage_text;
  std::string usage_of_choice;
  each_member(event.root(), [&](std::string_view key, ondemand::value& value) {
    std::string_view text;
    if (key == "choices") {
      each_element(value, [&](ondemand::value& choice) {
        ++choices;
        std::uint64_t index = 0;
        bool finished = false;
        std::int64_t calls = 0;
        each_member(choice, [&](std::string_view name, ondemand::value& inner) {
          if (name == "index") {
            std::uint64_t number;
            if (inner.get_uint64().get(number) == simdjson::SUCCESS) index = number;
          } else if (name == "finish_reason") {
            if (string_of(inner, text) && !text.empty()) {
              finished = true;
              if (text == "content_filter") content_filtered_ = true;
              if (text == "error") is_error = true;
            }
          } else if (name == "usage" && usage_rules_.cached_apart) {
            usage_of_choice = object_text(inner);
          } else if (name == "text") {
            if (string_of(inner, text)) output_.add(text);
          } else if (name == "delta") {
            each_member(inner, [&](std::string_view part, ondemand::value& piece) {
              if (part == "content" || part == "reasoning_content" || part == "reasoning" || part == "refusal") {
                ondemand::json_type type;
                if (string_of(piece, text)) {
                  output_.add(text);
                } else if (piece.type().get(type) == simdjson::SUCCESS && type == ondemand::json_type::array) {
                  each_element(piece, [&](ondemand::value& element) {
                    each_member(element, [&](std::string_view label, ondemand::value& leaf) {
                      if (label == "text" && string_of(leaf, text)) output_.add(text);
                      if (label == "thinking")
                        each_element(leaf, [&](ondemand::value& thought) {
                          each_member(thought, [&](std::string_view name_of, ondemand::value& words) {
                            if (name_of == "text" && string_of(words, text)) output_.add(text);
                          });
                        });
                    });
                  });
                }
              } else if (part == "tool_calls") {
                each_element(piece, [&](ondemand::value& call) {
                  ++calls;
                  each_member(call, [&](std::string_view label, ondemand::value& function) {
                    if (label != "function") return;
                    each_member(function, [&](std::string_view, ondemand::value& leaf) {
                      if (string_of(leaf, text)) output_.add(text);
                    });
                  });
                });
              } else if (part == "function_call") {
                calls = 1;
                each_member(piece, [&](std::string_view, ondemand::value& leaf) {
                  if (string_of(leaf, text)) output_.add(text);
                });
              } else if (part == "audio") {
                meaningful_ = true;
              }
            });
          }
        });
        if (index < 64) {
          choices_seen_ |= std::uint64_t{1} << index;
          if (finished) choices_finished_ |= std::uint64_t{1} << index;
        }
        max_tool_calls_ = std::max(max_tool_calls_, calls);
        if (finished || calls > 0) meaningful_ = true;
      });
    } else if (key == "usage") {
      usage_text = object_text(value);
    } else if (key == "base_resp") {
      each_member(value, [&](std::string_view name, ondemand::value& inner) {
        std::int64_t code = 0;
        if (name == "status_code" && inner.get_int64().get(code) == simdjson::SUCCESS && code != 0) is_error = true;
      });
    } else if (key == "error") {
      ondemand::json_type type;
      if (value.type().get(type) == simdjson::SUCCESS && type != ondemand::json_type::null) is_error = true;
    } else if (key == "id") {
      if (id_.empty() && string_of(value, text)) id_ = text;
    } else if (key == "model") {
      if (model_.empty() && string_of(value, text)) model_ = text;
    } else if (key == "system_fingerprint") {
      if (fingerprint_.empty() && string_of(value, text)) fingerprint_ = text;
    } else if (key == "created") {
      std::int64_t number;
      if (created_ == 0 && value.get_int64().get(number) == simdjson::SUCCESS) created_ = number;
    }
  });
  if (output_.bytes() > 0) meaningful_ = true;
  if (is_error) {
    error_ = payload;
    return StreamAction::kError;
  }
  if (usage_text.empty()) usage_text.swap(usage_of_choice);
  if (!usage_text.empty()) {
    // This uses the thread's padded buffer again: nothing of the event is looked at after it.
    bool refused = false;
    if (auto usage = read_openai_usage(usage_text, &refused, usage_rules_); usage && usage->usable()) {
      usage_ = *usage;
      if (!usage_of_choice.empty())
        if (auto more = read_openai_usage(usage_of_choice, nullptr, usage_rules_))
          usage_.cached_tokens = std::max(usage_.cached_tokens, more->cached_tokens);
      has_usage_ = true;
    } else if (refused) {
      // What came before it is no better known than what it says.
      usage_refused_ = true;
      has_usage_ = false;
    }
    if (choices == 0 && (!client_wants_usage_ || refused)) return StreamAction::kHoldBack;
  }
  return StreamAction::kForward;
}

std::int64_t OpenAiStreamReader::counted_tokens(std::string_view model) const {
  return output_.tokens(billing::text_family(model)) + 7 * max_tool_calls_;
}

std::string OpenAiStreamReader::usage_chunk(const billing::Usage& usage) const {
  if (id_.empty() && model_.empty()) return {};
  return "{\"id\":" + core::json_string(id_) +
         ",\"object\":\"chat.completion.chunk\",\"created\":" + std::to_string(created_) +
         ",\"model\":" + core::json_string(model_) +
         ",\"system_fingerprint\":" + (fingerprint_.empty() ? "null" : core::json_string(fingerprint_)) +
         ",\"choices\":[],\"usage\":" + write_openai_usage(usage) + "}";
}

}  // namespace tollgate::dialect
