// Answers of transcriptions and translations: JSON, plain text, subtitles, and streams of events (OpenAI API, Audio).
#pragma once
#include <string>
#include <string_view>

#include "billing/token_estimate.h"
#include "dialect/openai_answer.h"
#include "dialect/stream_reader.h"

namespace tollgate::dialect {

// A whole answer as its content type says it is. Text needs no usage; a page of HTML is not valid. A recording without
// speech has an empty text in JSON, but no answer is without bytes. `body` has 64 readable bytes behind it.
OpenAiAnswer read_transcript(std::string_view content_type, std::string_view body);

// What clients are told the answer is: the upstream's type where it is one of these answers, else plain text.
std::string_view transcript_type(std::string_view content_type);

// Events that name their type; transcript.text.done says that the answer is whole.
class TranscriptStreamReader final : public StreamReader {
 public:
  StreamAction on_event(std::string_view payload, std::string_view name) override;

  bool meaningful() const override { return seen_; }
  bool has_output() const override { return seen_; }
  bool saw_done() const override { return done_; }
  bool ended_well() const override { return finished_; }
  bool has_usage() const override { return has_usage_ && usage_.usable(); }
  const billing::Usage& usage() const override { return usage_; }
  bool usage_refused() const override { return usage_refused_; }
  std::int64_t counted_tokens(std::string_view model) const override;
  const std::string& error() const override { return error_; }
  bool named_events() const override { return true; }

 private:
  bool seen_ = false;
  bool finished_ = false;
  bool done_ = false;
  bool has_usage_ = false;
  bool usage_refused_ = false;
  billing::Usage usage_;
  // The same words come as pieces, as segments and as a whole.
  billing::TokenEstimator deltas_, segments_, whole_;
  std::string error_;
};

}  // namespace tollgate::dialect
