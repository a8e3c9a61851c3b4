// Chunked bodies: whatever the pieces in which they arrive, the payload, its end and the verdict are the same.
#include "net/chunked.h"

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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (bool extensions : {false, true}) {
    fuzz::Splitter pieces(fuzz::text(data, size));
    const auto body = pieces.whole();
    bool given = false;
    auto whole = decode(extensions, [&] { return std::exchange(given, true) ? std::string() : std::string(body); });
    auto split = decode(extensions, [&] { return std::string(pieces.next()); });
    FUZZ_CHECK(whole.failed == split.failed);
    if (whole.failed) continue;
    FUZZ_CHECK(whole.payload == split.payload && whole.done == split.done && whole.consumed == split.consumed);
    FUZZ_CHECK(whole.payload.size() < body.size() || body.empty());
  }
  return 0;
}
