// WebSocket frames: the same messages from the same bytes however they are cut, within their bounds; what is written
// can be read.
#include "net/websocket_frame.h"

#include <simdjson.h>

#include <tuple>
#include <vector>

#include "fuzz/fuzz.h"

using namespace tollgate;

namespace {

using Event = net::WebSocketReader::Event;
using Seen = std::vector<std::tuple<Event, std::string, net::CloseCode>>;
constexpr std::size_t kMost = 4096;

// False: the reader gave up.
bool take(net::WebSocketReader& reader, std::string_view bytes, Seen& seen) {
  for (;;) {
    auto event = reader.read(bytes);
    if (event == Event::kNone) {
      FUZZ_CHECK(bytes.empty());
      return true;
    }
    const bool message = event == Event::kMessage;
    if (event == Event::kWrong) {
      seen.emplace_back(event, "", reader.code());
      FUZZ_CHECK(net::is_sendable(reader.code()) && reader.fault() != nullptr);
      return false;
    }
    const auto& text = message ? reader.message() : reader.control();
    FUZZ_CHECK(text.size() <= (message ? kMost : 125U));
    if (message && reader.is_text()) FUZZ_CHECK(simdjson::validate_utf8(text.data(), text.size()));
    seen.emplace_back(event, text, event == Event::kClose ? reader.code() : net::CloseCode::kNone);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (auto from : {net::WebSocketReader::From::kClient, net::WebSocketReader::From::kServer}) {
    fuzz::Splitter pieces(fuzz::text(data, size));
    const std::string bytes(pieces.whole());
    Seen whole, split;
    net::WebSocketReader one(from, kMost), many(from, kMost);
    take(one, bytes, whole);
    while (!pieces.done()) {
      std::string piece(pieces.next());
      if (!take(many, piece, split)) break;
    }
    FUZZ_CHECK(whole == split);
    // What was read is written and read again.
    for (const auto& [event, text, code] : whole) {
      if (event != Event::kMessage) continue;
      const net::WebSocketMask mask{1, 2, 3, 4};
      const bool masked = from == net::WebSocketReader::From::kClient;
      std::string payload = text;
      if (masked) net::apply_mask(payload, mask);
      net::WebSocketHead head(net::WebSocketOpcode::kBinary, payload.size(), masked ? &mask : nullptr);
      net::WebSocketReader again(from, kMost);
      Seen seen;
      take(again, std::string(head.text()) + payload, seen);
      FUZZ_CHECK(seen.size() == 1 && std::get<1>(seen[0]) == text);
    }
  }
  return 0;
}
