// Server-sent events: the same events from the same bytes, however they are cut.
#include "net/sse.h"

#include <string>
#include <utility>
#include <vector>

#include "fuzz/fuzz.h"

using namespace tollgate;

namespace {

using Events = std::vector<std::pair<std::string, std::string>>;
constexpr std::size_t kLimit = 4096;

void take(net::SseReader& reader, Events& events) {
  net::SseEvent event;
  while (reader.next(event)) events.emplace_back(event.name, event.data);
}
void finish(net::SseReader& reader, Events& events) {
  net::SseEvent event;
  if (reader.finish(event)) events.emplace_back(event.name, event.data);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Splitter pieces(fuzz::text(data, size));
  const std::string body(pieces.whole());
  Events whole, split;
  net::SseReader one(kLimit), many(kLimit);
  one.feed(body);
  take(one, whole);
  finish(one, whole);
  while (!pieces.done()) {
    std::string piece(pieces.next());  // gone after each turn: views must not outlive it
    many.feed(piece);
    take(many, split);
  }
  finish(many, split);
  if (one.too_long() || many.too_long()) return 0;  // where it gives up may depend on what is buffered
  FUZZ_CHECK(whole == split);
  for (const auto& [name, text] : whole) FUZZ_CHECK(name.find_first_of("\r\n") == std::string::npos);
  return 0;
}
