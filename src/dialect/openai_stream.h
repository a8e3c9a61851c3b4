// Streams of chat and legacy completions, event by event: what passes, what is held back, what was used, and whether
// the stream ended as a whole answer ends. Memory does not depend on the length of the stream.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "billing/token_estimate.h"
#include "billing/usage.h"
#include "dialect/stream_reader.h"

namespace tollgate::dialect {

class OpenAiStreamReader final : public StreamReader {
 public:
  explicit OpenAiStreamReader(bool client_wants_usage) : client_wants_usage_(client_wants_usage) {}

  // Events of this format have no names.
  StreamAction on_event(std::string_view payload, std::string_view name = {}) override;

  bool meaningful() const override { return meaningful_; }  // content, a call or a finish reason was seen
  bool has_output() const override { return output_.bytes() > 0 || max_tool_calls_ > 0; }
  bool saw_done() const override { return done_; }
  // Every choice seen has its finish reason.
  bool ended_well() const override { return choices_seen_ != 0 && (choices_seen_ & ~choices_finished_) == 0; }
  bool has_usage() const override { return has_usage_ && usage_.usable(); }
  const billing::Usage& usage() const override { return usage_; }
  bool usage_refused() const override { return usage_refused_; }
  std::int64_t counted_tokens(std::string_view model) const override;
  const std::string& error() const override { return error_; }
  bool content_filtered() const override { return content_filtered_; }

  std::string_view end_mark() const override { return "data: [DONE]\n\n"; }
  std::string usage_chunk(const billing::Usage& usage) const override;  // "" when no chunk was seen

 private:
  bool client_wants_usage_;
  bool meaningful_ = false;
  bool done_ = false;
  bool has_usage_ = false;
  bool usage_refused_ = false;
  bool content_filtered_ = false;
  std::uint64_t choices_seen_ = 0;  // by index, up to 64
  std::uint64_t choices_finished_ = 0;
  std::int64_t max_tool_calls_ = 0;
  billing::Usage usage_;
  billing::TokenEstimator output_;
  std::string error_;
  std::string id_, model_, fingerprint_;
  std::int64_t created_ = 0;
};

}  // namespace tollgate::dialect
