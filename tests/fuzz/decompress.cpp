// Packed bodies: whatever the pieces they come in and the room they get, text and verdict are the same; the ratio
// holds. The first byte chooses the coding.
#include "net/decompress.h"

#include <string>
#include <vector>

#include "fuzz/fuzz.h"

using namespace tollgate;

namespace {

constexpr std::size_t kMost = 4 * 1024 * 1024;

struct Unpacked {
  std::string text;
  bool done = false, failed = false;
};

template <typename Next>
Unpacked unpack(net::ContentCoding coding, std::size_t room, Next next) {
  net::Decompressor decompressor(coding);
  std::vector<char> buffer(room);
  Unpacked out;
  std::size_t fed = 0;
  for (std::string piece = next(); !piece.empty(); piece = next()) {
    std::string_view rest = piece;
    fed += piece.size();
    for (bool more = true; more;) {
      auto step = decompressor.decode(rest, buffer.data(), room);
      FUZZ_CHECK(step.consumed <= rest.size() && step.produced <= room);
      out.text.append(buffer.data(), step.produced);
      if (step.error) {
        out.failed = true;
        return out;
      }
      FUZZ_CHECK(out.text.size() <= 1024 * 1024 || out.text.size() <= 100 * (fed + 1));
      rest.remove_prefix(step.consumed);
      more = !rest.empty() || step.produced == room;
      if (out.text.size() > kMost) return out;
    }
  }
  out.done = decompressor.done();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr net::ContentCoding kCodings[] = {net::ContentCoding::kGzip, net::ContentCoding::kDeflate,
                                             net::ContentCoding::kBrotli, net::ContentCoding::kZstd};
  const auto coding = kCodings[data[0] % 4];
  fuzz::Splitter pieces(fuzz::text(data + 1, size - 1));
  bool given = false;
  const std::string body(pieces.whole());
  auto whole = unpack(coding, 64 * 1024, [&] {
    if (given) return std::string();
    given = true;
    return body;
  });
  if (whole.text.size() > 256 * 1024) return 0;  // what differs shows in small ones, and is faster there
  auto split = unpack(coding, 100, [&] { return std::string(pieces.next()); });
  // A body that is wrong may look merely unfinished in other pieces: both are refused.
  const bool taken = !whole.failed && whole.done;
  FUZZ_CHECK(taken == (!split.failed && split.done));
  if (taken) FUZZ_CHECK(whole.text == split.text);
  return 0;
}
