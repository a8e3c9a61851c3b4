#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tollgate::mock {

// Where the usage of a stream stands: a chunk of its own with empty choices (OpenAI, only when asked for), in the
// chunk with the finish reason (DeepSeek, Mistral), or a running figure in every chunk.
enum class UsagePlace { kOwnChunk, kFinish, kEvery };

// The body of an answer with an error status.
enum class ErrorBody { kOpenAi, kAnthropic, kHtml, kText, kEmpty };

// What one request is answered with. README.md beside this file lists the keys.
struct Scenario {
  static constexpr int kOff = -1;

  int chunks = 4;
  int size = 8;
  int delay_ms = 0;
  int first_ms = 0;
  int slow_head_ms = 0;
  int split = 0;
  bool batch = false;
  bool crlf = false;
  int comments = 0;
  bool reasoning = false;
  bool tools = false;
  bool json_schema = false;
  int huge_line_mb = 0;
  int dims = 8;
  bool close_framing = false;

  bool usage = true;
  int64_t prompt_tokens = 10;
  int64_t completion_tokens = 20;
  int64_t cached_tokens = 0;
  int64_t reasoning_tokens = 0;
  int64_t image_tokens = 0;  // of the prompt
  int64_t audio_prompt_tokens = 0, audio_completion_tokens = 0;
  int audio_ms = 1000;
  UsagePlace usage_place = UsagePlace::kOwnChunk;

  int status = 200;
  ErrorBody body = ErrorBody::kOpenAi;
  int retry_after = kOff;
  int fail_first = 0;

  int error_after = kOff;
  int cut_after = kOff;
  int fin_after = kOff;
  int end_after = kOff;
  int stall_after = kOff;
  bool stall_head = false;
  bool cut_head = false;
  bool no_done = false;
  bool no_finish = false;
  bool lie_length = false;
  bool json_on_stream = false;
  bool empty200 = false;

  // Answers that no honest provider gives.
  bool redirect = false;
  bool te_and_length = false;
  bool endless_head = false;
  bool endless_body = false;
  bool switch_protocols = false;
  bool gzip_bomb = false;
  bool html200 = false;
  bool twice = false;
  bool bad_utf8 = false;
  bool mixed_ends = false;
  bool echo_key = false;
  int interim = 0;
  int trailing = 0;
  int close_at = kOff;
  std::string content_type;
  std::string usage_text;  // JSON text in place of the usage object's figures
  std::string recording;
};

// Applies `key=value` pairs separated by any of `separators` (`key` alone means 1). Returns the empty text, or what was
// wrong: an unknown key fails the request, so that a misspelt test does not pass.
std::string apply(Scenario& scenario, std::string_view pairs, std::string_view separators);

// The text between `/x/` and the `/v1/` that follows, percent-decoded; empty when the path holds none.
std::string scenario_of_path(std::string_view path);

// The text of the last `[[mock …]]` of a request body, with JSON's backslashes taken out; empty when there is none.
std::string directive_of_body(std::string_view body);

}  // namespace tollgate::mock
