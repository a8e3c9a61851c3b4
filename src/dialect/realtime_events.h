// The events of a realtime session (OpenAI Realtime, beta and GA names), read in passing: what the upstream reports as
// used, and what we count ourselves where it reports nothing.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "billing/token_estimate.h"
#include "billing/usage.h"

namespace tollgate::dialect {

// What one event says of use. Other events, and texts that are no events, are kOther.
struct RealtimeEvent {
  enum class Kind { kOther, kInput, kOutput, kSession, kResponseDone, kError };
  Kind kind = Kind::kOther;
  std::string text;                               // to be counted
  std::int64_t audio_bytes = 0;                   // decoded, in the session's format
  std::optional<bool> input_pcm, output_pcm;      // the format from now on: PCM of 24 kHz and 16 bit, or another
  std::optional<std::string> model;               // a client's session names one; the last, where it names several
  std::optional<std::vector<std::string>> tools;  // declared from now on, each as JSON
  std::optional<billing::Usage> usage;            // of a response
  bool usage_refused = false;                     // it has figures that cannot be
};

// At least 64 readable bytes follow the text. Any thread; some hundred kilobytes take a millisecond.
RealtimeEvent read_client_event(std::string_view text);
RealtimeEvent read_server_event(std::string_view text);

// The running sum of a session. Counted audio is 100 tokens in 3.6 s on the way in and 200 in 14.4 s on the way out;
// any other format than PCM counts as 8 kHz and 8 bit.
class RealtimeMeter {
 public:
  explicit RealtimeMeter(std::string_view model) : family_(billing::text_family(model)) {}

  void add(const RealtimeEvent& event);

  // Everything: responses as reported (or counted, where a response reports nothing), and what was counted since the
  // last one. Text includes pictures.
  billing::Usage total() const;
  // Of that, the responses.
  const billing::Usage& responded() const { return sum_; }
  // What was counted since the last response has tokens.
  bool pending() const;
  std::int64_t responses() const { return responses_; }
  bool reported() const { return reported_; }  // a response came with usage
  bool usage_refused() const { return usage_refused_; }
  // The current sum is by our own count, in whole or in part.
  bool counted() const { return counted_ || pending(); }

 private:
  billing::Usage counts() const;  // of what is pending

  const billing::TextFamily family_;
  billing::Usage sum_;
  billing::TokenEstimator text_in_, text_out_;
  std::int64_t audio_in_ = 0, audio_out_ = 0;  // bytes, as if all were PCM
  bool input_pcm_ = true, output_pcm_ = true;
  std::int64_t tool_tokens_ = 0;
  std::int64_t responses_ = 0;
  bool reported_ = false, counted_ = false, usage_refused_ = false;
};

}  // namespace tollgate::dialect
