// Chunked bodies: whatever the pieces in which they arrive, the payload, its end and the verdict are the same; what is
// taken without extensions is taken with them; and what was encoded in any chunks is decoded to what it was.
#include "net/chunked.h"

#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "fuzz/fuzz.h"

using namespace tollgate;

namespace {

struct Decoded {
  std::string payload;
  std::size_t consumed = 0;
  bool done = false, failed = false;
};

template <typename Next>
Decoded decode(bool extensions, Next next) {
  net::ChunkedDecoder decoder(extensions);
  Decoded result;
  for (std::string piece = next(); !piece.empty() && !result.done; piece = next()) {
    auto step = decoder.decode(piece.data(), piece.size());
    FUZZ_CHECK(step.payload <= piece.size() && step.consumed <= piece.size());
    if (step.error) {
      result.failed = true;
      return result;
    }
    result.payload.append(piece, 0, step.payload);
    result.consumed += step.consumed;
    result.done = step.done;
    FUZZ_CHECK(step.done || step.consumed == piece.size());
  }
  return result;
}

// nullopt: a flood of tiny chunks, which is refused.
std::optional<std::string> encoded(fuzz::Splitter chunks) {
  std::string body;
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (auto chunk = chunks.next(); !chunk.empty(); chunk = chunks.next()) {
    bytes += chunk.size();
    if (++count >= 64 && bytes < 16 * count) return std::nullopt;
    char size[24];
    std::snprintf(size, sizeof size, "%zX\r\n", chunk.size());
    body.append(size).append(chunk).append("\r\n");
  }
  return body + "0\r\n\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::optional<Decoded> strict;
  for (bool extensions : {false, true}) {
    fuzz::Splitter pieces(fuzz::text(data, size));
    const auto body = pieces.whole();
    bool given = false;
    auto whole = decode(extensions, [&] { return std::exchange(given, true) ? std::string() : std::string(body); });
    auto split = decode(extensions, [&] { return std::string(pieces.next()); });
    FUZZ_CHECK(whole.failed == split.failed);
    if (strict) FUZZ_CHECK(strict->failed || (strict->payload == whole.payload && strict->done == whole.done));
    strict = whole;
    if (whole.failed) continue;
    FUZZ_CHECK(whole.payload == split.payload && whole.done == split.done && whole.consumed == split.consumed);
    FUZZ_CHECK(whole.payload.size() < body.size() || body.empty());
    FUZZ_CHECK(whole.consumed <= body.size() && (whole.done || whole.consumed == body.size()));
  }

  const fuzz::Splitter pieces(fuzz::text(data, size));
  const auto sent = encoded(pieces);
  if (!sent) return 0;
  bool given = false;
  auto got = decode(false, [&] { return std::exchange(given, true) ? std::string() : *sent + "behind"; });
  FUZZ_CHECK(!got.failed && got.done && got.payload == pieces.whole() && got.consumed == sent->size());
  return 0;
}
