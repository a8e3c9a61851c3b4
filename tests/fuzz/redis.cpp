// What a Redis server sends: the same replies from the same bytes, however they are cut. Slots and redirections in them
// name nothing that cannot be connected to. The same bytes as an address: refused, or made of hosts with ports.
#include <string>
#include <vector>

#include "fuzz/fuzz.h"
#include "redis/address.h"
#include "redis/cluster.h"
#include "redis/reply.h"

using namespace tollgate;

namespace {

struct Read {
  std::vector<redis::Reply> replies;
  bool failed = false;
};

void take(redis::ReplyReader& reader, Read& read) {
  for (;;) {
    auto next = reader.next();
    if (!next) {
      read.failed = true;
      return;
    }
    if (!*next) return;
    read.replies.push_back(std::move(**next));
  }
}

bool same(const redis::Reply& a, const redis::Reply& b) {
  if (a.type != b.type || a.integer != b.integer || a.text != b.text || a.items.size() != b.items.size()) return false;
  for (std::size_t i = 0; i < a.items.size(); ++i)
    if (!same(a.items[i], b.items[i])) return false;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = fuzz::text(data, size);
  fuzz::Splitter pieces(input);
  Read whole, cut;
  {
    redis::ReplyReader reader;
    reader.feed(pieces.whole());
    take(reader, whole);
  }
  {
    redis::ReplyReader reader;
    while (!pieces.done() && !cut.failed) {
      reader.feed(pieces.next());
      take(reader, cut);
    }
  }
  FUZZ_CHECK(whole.failed == cut.failed);
  FUZZ_CHECK(whole.replies.size() == cut.replies.size());
  const redis::Endpoint asked{.host = "asked", .port = 1};
  for (std::size_t i = 0; i < whole.replies.size(); ++i) {
    FUZZ_CHECK(same(whole.replies[i], cut.replies[i]));
    for (const auto& range : redis::slot_ranges(whole.replies[i], asked)) {
      FUZZ_CHECK(range.first <= range.last && range.last < redis::kSlots);
      FUZZ_CHECK(!range.primary.host.empty() && range.primary.port != 0);
    }
    if (auto to = redis::redirection(whole.replies[i].text, asked))
      FUZZ_CHECK(to->slot < redis::kSlots && !to->to.host.empty() && to->to.port != 0);
  }
  if (auto address = redis::parse_address(input)) {
    FUZZ_CHECK(!address->endpoints.empty() && address->database >= 0);
    for (const auto& endpoint : address->endpoints)
      FUZZ_CHECK(!endpoint.path.empty() || (!endpoint.host.empty() && endpoint.port != 0));
  }
  return 0;
}
