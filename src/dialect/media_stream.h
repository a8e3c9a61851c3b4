// Streams of pictures and of speech: events that name their type, the last of which says that the answer is whole
// (OpenAI API, Images and Audio streaming events).
#pragma once
#include "dialect/stream_reader.h"

namespace tollgate::dialect {

class MediaStreamReader : public StreamReader {
 public:
  // How many pictures were asked for; 1 for speech.
  explicit MediaStreamReader(std::int64_t wanted) : wanted_(wanted) {}

  StreamAction on_event(std::string_view payload, std::string_view name) override;

  bool meaningful() const override { return partial_images_ + finished_ > 0 || audio_bytes_ > 0; }
  bool has_output() const override { return meaningful(); }
  bool saw_done() const override { return done_; }
  // One finished part is enough: providers differ in how they end several pictures.
  bool ended_well() const override { return finished_ > 0; }
  bool has_usage() const override { return has_usage_ && usage_.usable(); }
  const billing::Usage& usage() const override { return usage_; }
  bool usage_refused() const override { return usage_refused_; }
  // Audio by its size, as audio that cannot be measured; pictures by what a partial one costs at the provider.
  std::int64_t counted_tokens(std::string_view model) const override;
  const std::string& error() const override { return error_; }
  bool named_events() const override { return true; }

 private:
  void take_usage(const std::string& text);

  std::int64_t wanted_;
  std::int64_t finished_ = 0;
  std::int64_t partial_images_ = 0;
  std::int64_t audio_bytes_ = 0;
  bool done_ = false;
  bool has_usage_ = false;
  bool usage_refused_ = false;
  billing::Usage usage_;  // the sum of what the parts report
  std::string error_;
};

}  // namespace tollgate::dialect
