// Server-sent events: the same events from the same bytes, however they are cut, and those that the text of the
// standard gives when it is followed line by line.
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

// WHATWG HTML §9.2.6, but that an event may lack its closing empty line at the end. Lines first, then what they say.
Events by_the_book(std::string body) {
  if (body.starts_with("\xEF\xBB\xBF")) body.erase(0, 3);
  std::vector<std::string> lines{""};
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] == '\r' || body[i] == '\n') {
      if (body[i] == '\r' && i + 1 < body.size() && body[i + 1] == '\n') ++i;
      lines.emplace_back();
    } else {
      lines.back() += body[i];
    }
  }
  lines.emplace_back();
  Events events;
  std::string name, text;
  bool has_data = false;
  for (const auto& line : lines) {
    if (line.empty()) {
      if (has_data) events.emplace_back(name.empty() ? "message" : name, text.substr(0, text.size() - 1));
      name.clear();
      text.clear();
      has_data = false;
      continue;
    }
    const auto colon = line.find(':');
    const auto field = line.substr(0, colon);
    auto value = colon == std::string::npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.erase(0, 1);
    if (field == "event") name = value;
    if (field == "data") {
      text += value + '\n';
      has_data = true;
    }
  }
  return events;
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
  if (one.too_long() || many.too_long()) {  // where it gives up may depend on what is buffered
    FUZZ_CHECK(body.size() > kLimit);
    return 0;
  }
  FUZZ_CHECK(whole == split);
  FUZZ_CHECK(whole == by_the_book(body));
  for (const auto& [name, text] : whole) FUZZ_CHECK(name.find_first_of("\r\n") == std::string::npos);
  return 0;
}
