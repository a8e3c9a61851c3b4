#include "scenario.h"

#include <charconv>
#include <functional>
#include <map>

namespace tollgate::mock {
namespace {

bool number(std::string_view text, int64_t& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

using Setter = std::function<bool(Scenario&, std::string_view)>;

Setter whole(int Scenario::* member) {
  return [member](Scenario& s, std::string_view value) {
    int64_t n = 0;
    if (!number(value, n) || n < 0 || n > 100'000'000) return false;
    s.*member = static_cast<int>(n);
    return true;
  };
}

Setter flag(bool Scenario::* member) {
  return [member](Scenario& s, std::string_view value) {
    if (value != "0" && value != "1") return false;
    s.*member = value == "1";
    return true;
  };
}

// prompt:completion[:cached[:reasoning]] or none.
bool set_usage(Scenario& s, std::string_view value) {
  s.usage = value != "none";
  if (!s.usage) return true;
  int64_t* const fields[] = {&s.prompt_tokens, &s.completion_tokens, &s.cached_tokens, &s.reasoning_tokens};
  size_t filled = 0;
  while (filled < 4) {
    size_t colon = value.find(':');
    if (!number(value.substr(0, colon), *fields[filled++])) return false;
    if (colon == value.npos) return filled >= 2;
    value.remove_prefix(colon + 1);
  }
  return false;
}

// prompt:completion, of the usage.
bool set_audio(Scenario& s, std::string_view value) {
  size_t colon = value.find(':');
  return colon != value.npos && number(value.substr(0, colon), s.audio_prompt_tokens) &&
         number(value.substr(colon + 1), s.audio_completion_tokens);
}

bool set_image_tokens(Scenario& s, std::string_view value) { return number(value, s.image_tokens); }

bool set_usage_place(Scenario& s, std::string_view value) {
  if (value == "own")
    s.usage_place = UsagePlace::kOwnChunk;
  else if (value == "finish")
    s.usage_place = UsagePlace::kFinish;
  else if (value == "every")
    s.usage_place = UsagePlace::kEvery;
  else
    return false;
  return true;
}

bool set_body(Scenario& s, std::string_view value) {
  if (value == "openai")
    s.body = ErrorBody::kOpenAi;
  else if (value == "anthropic")
    s.body = ErrorBody::kAnthropic;
  else if (value == "html")
    s.body = ErrorBody::kHtml;
  else if (value == "text")
    s.body = ErrorBody::kText;
  else if (value == "empty")
    s.body = ErrorBody::kEmpty;
  else
    return false;
  return true;
}

// Figures of a usage object that cannot be.
bool set_odd_usage(Scenario& s, std::string_view value) {
  static const std::map<std::string_view, std::string> table = {
      {"negative", R"({"prompt_tokens":-10,"completion_tokens":-20,"total_tokens":-30})"},
      {"huge", R"({"prompt_tokens":1000000001,"completion_tokens":4000000000,"total_tokens":5000000001})"},
      {"beyond", R"({"prompt_tokens":99999999999999999999999,"completion_tokens":1e300,"total_tokens":1e300})"},
      {"fraction", R"({"prompt_tokens":10.5,"completion_tokens":20.25,"total_tokens":30.75})"},
      {"text", R"({"prompt_tokens":"10","completion_tokens":"20","total_tokens":"30"})"},
      {"total", R"({"prompt_tokens":10,"completion_tokens":20,"total_tokens":5})"},
  };
  auto found = table.find(value);
  if (found == table.end()) return false;
  s.usage_text = found->second;
  return true;
}

const std::map<std::string, Setter, std::less<>>& setters() {
  static const std::map<std::string, Setter, std::less<>> table = {
      {"chunks", whole(&Scenario::chunks)},
      {"size", whole(&Scenario::size)},
      {"delay_ms", whole(&Scenario::delay_ms)},
      {"first_ms", whole(&Scenario::first_ms)},
      {"slow_head_ms", whole(&Scenario::slow_head_ms)},
      {"split", whole(&Scenario::split)},
      {"batch", flag(&Scenario::batch)},
      {"crlf", flag(&Scenario::crlf)},
      {"comments", whole(&Scenario::comments)},
      {"reasoning", flag(&Scenario::reasoning)},
      {"tools", flag(&Scenario::tools)},
      {"json_schema", flag(&Scenario::json_schema)},
      {"huge_line_mb", whole(&Scenario::huge_line_mb)},
      {"dims", whole(&Scenario::dims)},
      {"close_framing", flag(&Scenario::close_framing)},
      {"usage", set_usage},
      {"audio", set_audio},
      {"image_tokens", set_image_tokens},
      {"audio_ms", whole(&Scenario::audio_ms)},
      {"usage_at", set_usage_place},
      {"status", whole(&Scenario::status)},
      {"body", set_body},
      {"retry_after", whole(&Scenario::retry_after)},
      {"fail_first", whole(&Scenario::fail_first)},
      {"error_after", whole(&Scenario::error_after)},
      {"cut_after", whole(&Scenario::cut_after)},
      {"fin_after", whole(&Scenario::fin_after)},
      {"end_after", whole(&Scenario::end_after)},
      {"stall_after", whole(&Scenario::stall_after)},
      {"stall_head", flag(&Scenario::stall_head)},
      {"cut_head", flag(&Scenario::cut_head)},
      {"no_done", flag(&Scenario::no_done)},
      {"no_finish", flag(&Scenario::no_finish)},
      {"lie_length", flag(&Scenario::lie_length)},
      {"json_on_stream", flag(&Scenario::json_on_stream)},
      {"empty200", flag(&Scenario::empty200)},
      {"redirect", flag(&Scenario::redirect)},
      {"te_and_length", flag(&Scenario::te_and_length)},
      {"endless_head", flag(&Scenario::endless_head)},
      {"endless_body", flag(&Scenario::endless_body)},
      {"switch_protocols", flag(&Scenario::switch_protocols)},
      {"gzip_bomb", flag(&Scenario::gzip_bomb)},
      {"html200", flag(&Scenario::html200)},
      {"twice", flag(&Scenario::twice)},
      {"bad_utf8", flag(&Scenario::bad_utf8)},
      {"mixed_ends", flag(&Scenario::mixed_ends)},
      {"echo_key", flag(&Scenario::echo_key)},
      {"interim", whole(&Scenario::interim)},
      {"trailing", whole(&Scenario::trailing)},
      {"close_at", whole(&Scenario::close_at)},
      {"odd_usage", set_odd_usage},
      {"content_type",
       [](Scenario& s, std::string_view value) {
         s.content_type = value;
         return !value.empty();
       }},
      {"recording",
       [](Scenario& s, std::string_view value) {
         s.recording = value;
         return value.find("..") == value.npos;
       }},
  };
  return table;
}

}  // namespace

std::string apply(Scenario& scenario, std::string_view pairs, std::string_view separators) {
  while (!pairs.empty()) {
    size_t end = pairs.find_first_of(separators);
    std::string_view pair = pairs.substr(0, end);
    pairs.remove_prefix(end == pairs.npos ? pairs.size() : end + 1);
    if (pair.empty()) continue;
    size_t equals = pair.find('=');
    std::string_view key = pair.substr(0, equals);
    std::string_view value = equals == pair.npos ? "1" : pair.substr(equals + 1);
    auto setter = setters().find(key);
    if (setter == setters().end()) return "mock: unknown key " + std::string(key);
    if (!setter->second(scenario, value)) return "mock: bad value " + std::string(pair);
  }
  return {};
}

std::string scenario_of_path(std::string_view path) {
  if (!path.starts_with("/x/")) return {};
  std::string_view raw = path.substr(3, path.rfind("/v1/") == path.npos ? path.npos : path.rfind("/v1/") - 3);
  std::string text;
  for (size_t i = 0; i < raw.size(); ++i) {
    unsigned code = 0;
    if (raw[i] == '%' && i + 2 < raw.size() &&
        std::from_chars(raw.data() + i + 1, raw.data() + i + 3, code, 16).ec == std::errc()) {
      text.push_back(static_cast<char>(code));
      i += 2;
    } else {
      text.push_back(raw[i]);
    }
  }
  return text;
}

std::string directive_of_body(std::string_view body) {
  constexpr std::string_view kOpen = "[[mock ";
  size_t open = body.rfind(kOpen);
  if (open == body.npos) return {};
  size_t close = body.find("]]", open);
  if (close == body.npos) return {};
  std::string text;
  for (char c : body.substr(open + kOpen.size(), close - open - kOpen.size())) {
    if (c != '\\') text.push_back(c);
  }
  return text;
}

}  // namespace tollgate::mock
