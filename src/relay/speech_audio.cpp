#include "relay/speech_audio.h"

#include "billing/media_tokens.h"
#include "core/audio_duration.h"
#include "net/suspend.h"

namespace tollgate::relay {
namespace {

constexpr std::size_t kMostKept = 32U << 20U;     // an hour of mp3, ten minutes of wav: more than providers make
constexpr std::size_t kMeasuredHere = 64 * 1024;  // longer audio costs more than a network thread may spend
constexpr double kPcmRate = 48'000;               // bytes a second: 24 kHz, 16 bits, one channel, no header

}  // namespace

void SpeechAudio::add(std::string_view bytes) {
  bytes_ += static_cast<std::int64_t>(bytes.size());
  if (format_ == "pcm" || too_long_) return;
  too_long_ = kept_.size() + bytes.size() > kMostKept;
  if (too_long_)
    std::string().swap(kept_);
  else
    kept_ += bytes;
}

std::int64_t SpeechAudio::measured() const {
  if (format_ == "pcm") return core::audio_tokens(static_cast<double>(bytes_) / kPcmRate);
  auto seconds =
      too_long_ ? core::error(core::Errc::kTooLarge, "too long to be kept") : core::audio_duration(format_, kept_);
  return seconds && *seconds > 0 ? core::audio_tokens(*seconds) : billing::audio_tokens_by_size(bytes_);
}

net::awaitable<std::int64_t> SpeechAudio::tokens(core::ThreadPool& pool) const {
  if (kept_.size() <= kMeasuredHere) co_return measured();
  auto tokens = co_await net::suspend<std::int64_t>([&](auto done) {
    // All threads are busy and their queue is full: the size is what is known.
    if (!pool.submit([this, done] { done(measured()); })) done(billing::audio_tokens_by_size(bytes_));
  });
  co_return tokens;
}

}  // namespace tollgate::relay
