#include "net/chunked.h"

#include <algorithm>
#include <cstring>

#include "net/http_head.h"

namespace tollgate::net {
namespace {
constexpr std::size_t kMaxLine = 1024;
constexpr std::size_t kMaxTrailers = 8192;
constexpr std::size_t kMaxSizeLine = 9;  // of a request: eight digits and the CR
// Tiny chunks cost more than they carry: from so many on, their mean must reach so many bytes.
constexpr std::uint64_t kChunksLookedAt = 64;
constexpr std::uint64_t kLeastMean = 16;
}  // namespace

ChunkedDecoder::Step ChunkedDecoder::decode(char* data, std::size_t size) {
  Step step;
  std::size_t at = 0;
  auto fail = [&](const char* what) {
    step.error = what;
    step.consumed = at;
    return step;
  };
  while (at < size && state_ != State::kDone) {
    if (state_ == State::kData) {
      auto take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, size - at));
      if (step.payload != at) std::memmove(data + step.payload, data + at, take);
      step.payload += take;
      at += take;
      left_ -= take;
      if (left_ == 0) state_ = State::kDataEnd;
      continue;
    }
    // A line: size, the empty one behind data, or a trailer.
    if (state_ == State::kDataEnd && line_.empty() && data[at] != '\r') return fail("chunk longer than its size");
    const auto* end = static_cast<const char*>(std::memchr(data + at, '\n', size - at));
    auto length = end ? static_cast<std::size_t>(end - (data + at)) : size - at;
    if (line_.size() + length > (state_ == State::kSize && !allow_extension_ ? kMaxSizeLine : kMaxLine))
      return fail(state_ == State::kTrailer ? "trailer too long" : "bad chunk size");
    std::string_view line;
    if (line_.empty() && end) {
      line = std::string_view(data + at, length);
    } else {
      line_.append(data + at, length);
      line = line_;
    }
    at += length + (end ? 1 : 0);
    if (!end) break;
    if (!line.ends_with('\r')) return fail("bad line end in a chunked body");
    line.remove_suffix(1);
    if (line.find('\r') != std::string_view::npos) return fail("bad line end in a chunked body");
    switch (state_) {
      case State::kSize: {
        auto chunk = parse_chunk_size(line, allow_extension_);
        if (!chunk) return fail("bad chunk size");
        left_ = *chunk;
        if (left_ > 0 && !allow_extension_) {
          announced_ += left_;
          if (++chunks_ >= kChunksLookedAt && announced_ < chunks_ * kLeastMean) return fail("too many tiny chunks");
        }
        state_ = left_ == 0 ? State::kTrailer : State::kData;
        break;
      }
      case State::kDataEnd:
        if (!line.empty()) return fail("chunk longer than its size");
        state_ = State::kSize;
        break;
      case State::kTrailer:
        if (line.empty()) {
          state_ = State::kDone;
          break;
        }
        trailer_bytes_ += line.size();
        if (trailer_bytes_ > kMaxTrailers) return fail("trailers too long");
        if (!allow_extension_ && !is_field_line(line)) return fail("bad trailer");
        break;
      default: break;
    }
    line_.clear();
  }
  step.consumed = at;
  step.done = state_ == State::kDone;
  return step;
}

}  // namespace tollgate::net
