// Streams of chat and legacy completions, event by event: what passes, what is held back, what was used, and whether
// the stream ended as a whole answer ends. Memory does not depend on the length of the stream.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "billing/token_estimate.h"
#include "billing/usage.h"
#include "dialect/openai_usage.h"

namespace tollgate::dialect {

enum class StreamAction {
  kForward,   // send this event to the client
  kHoldBack,  // a usage chunk that the client did not ask for, or with figures that cannot be
  kDone,      // the end mark; nothing behind it counts
  kError,     // the upstream reports an error: the request has failed
};

class OpenAiStreamReader {
 public:
  explicit OpenAiStreamReader(bool client_wants_usage, UsageRules rules = {})
      : client_wants_usage_(client_wants_usage), usage_rules_(rules) {}

  // `payload` is the data of one event.
  StreamAction on_event(std::string_view payload);

  bool meaningful() const { return meaningful_; }  // content, a call or a finish reason was seen
  bool has_output() const { return output_.bytes() > 0 || max_tool_calls_ > 0; }
  bool saw_done() const { return done_; }
  // Every choice seen has its finish reason: the answer is whole.
  bool ended_well() const { return choices_seen_ != 0 && (choices_seen_ & ~choices_finished_) == 0; }
  bool has_usage() const { return has_usage_ && usage_.usable(); }
  const billing::Usage& usage() const { return usage_; }
  bool usage_refused() const { return usage_refused_; }  // a usage whose figures cannot be came
  // Our own count of everything received, by the weight table of the model.
  std::int64_t counted_tokens(std::string_view model) const;
  const std::string& error() const { return error_; }  // the payload of the error event
  bool content_filtered() const { return content_filtered_; }

  // The chunk with usage that a client gets who wants it when the upstream sent none; "" when no chunk was seen.
  std::string usage_chunk(const billing::Usage& usage) const;

 private:
  bool client_wants_usage_;
  UsageRules usage_rules_;
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
