// The audio of one answer, kept to be measured at its end.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/thread_pool.h"
#include "net/awaitable.h"

namespace tollgate::relay {

class SpeechAudio {
 public:
  // `format` as the request has it: mp3, opus, aac, flac, wav, pcm.
  explicit SpeechAudio(std::string_view format) : format_(format) {}

  void add(std::string_view bytes);
  std::int64_t bytes() const { return bytes_; }

  // 1,000 tokens for a minute, seconds begun count whole; by size when it cannot be measured. Long audio is measured on
  // a thread of the pool. Lives until the end.
  net::awaitable<std::int64_t> tokens(core::ThreadPool& pool) const;

 private:
  std::int64_t measured() const;

  std::string format_;
  std::string kept_;
  std::int64_t bytes_ = 0;
  bool too_long_ = false;
};

}  // namespace tollgate::relay
