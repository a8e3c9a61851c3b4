// A stream's memory does not depend on its length: what reads it keeps counters, not text.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <utility>

#include "dialect/openai_stream.h"
#include "net/sse.h"

namespace tollgate::relay {
namespace {

// Bytes of the heap in use; 0 under sanitizers, whose allocator does not tell.
std::size_t in_use() { return ::mallinfo2().uordblks; }

// Feeds `text` in pieces of every size up to that of a network buffer, as a socket would.
class Fed {
 public:
  Fed() : reader(true) {}
  void feed(std::string_view text) {
    while (!text.empty()) {
      auto piece = std::min<std::size_t>(text.size(), 1 + (turn_++ * 7919) % 65536);
      sse.feed(text.substr(0, piece));
      net::SseEvent event;
      while (sse.next(event)) reader.on_event(event.data);
      text.remove_prefix(piece);
      most_in_use = std::max(most_in_use, in_use());
      most_kept = std::max(most_kept, sse.capacity());
    }
  }
  net::SseReader sse;
  dialect::OpenAiStreamReader reader;
  std::size_t most_in_use = 0;
  std::size_t most_kept = 0;

 private:
  std::size_t turn_ = 0;
};

std::string event(std::string_view content) {
  return "data: "
         "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{"
         "\"index\":0,\"delta\":{\"content\":\"" +
         std::string(content) + "\"},\"finish_reason\":null}]}\n\n";
}

}  // namespace

TEST(StreamMemory, P1_SixHundredThousandTokensKeepNoMoreThanAThousand) {
  std::string thousand;
  for (int i = 0; i < 1000; ++i) thousand += event(" word");
  Fed stream;
  stream.feed(thousand);
  auto tokens = stream.reader.counted_tokens("m");
  auto early = std::exchange(stream.most_in_use, 0);
  for (int i = 1; i < 600; ++i) stream.feed(thousand);
  EXPECT_GE(stream.reader.counted_tokens("m"), 599 * tokens);
  EXPECT_LE(stream.most_in_use, early + 64 * 1024);
  // A half-read event at most, in the line that is carried and in the one that was completed last.
  EXPECT_LE(stream.most_kept, 4096U);
}

TEST(StreamMemory, P1_TheMemoryOfALongEventIsGivenBack) {
  Fed stream;
  stream.feed(event(std::string(8U << 20U, 'x')));
  EXPECT_GE(stream.most_kept, 8U << 20U);
  stream.feed(event("short"));
  EXPECT_LE(stream.sse.capacity(), 3U * 64 * 1024);
  EXPECT_EQ(stream.reader.counted_tokens("m"), 2);
}

TEST(StreamMemory, P1_CommentsAndOtherFieldsLeaveNothing) {
  std::string noise;
  for (int i = 0; i < 10'000; ++i) noise += ": keep-alive\nid: 7\nretry: 10\n\nevent: x\n";
  Fed stream;
  for (int i = 0; i < 20; ++i) stream.feed(noise);
  EXPECT_LE(stream.most_kept, 4096U);
}

}  // namespace tollgate::relay
