// Events of a chat stream as an upstream may send them: any bytes, counts never below zero, the closing usage chunk is
// valid JSON.
#include "dialect/openai_stream.h"

#include <string>

#include "core/json_edit.h"
#include "fuzz/fuzz.h"
#include "net/sse.h"

using namespace tollgate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body(fuzz::text(data, size));
  for (bool wanted : {false, true}) {
    net::SseReader events;
    dialect::OpenAiStreamReader reader(wanted);
    events.feed(body);
    net::SseEvent event;
    while (events.next(event)) {
      auto action = reader.on_event(event.data);
      if (wanted) FUZZ_CHECK(action != dialect::StreamAction::kHoldBack);
      if (action == dialect::StreamAction::kError) FUZZ_CHECK(!reader.error().empty());
    }
    FUZZ_CHECK(reader.counted_tokens("gpt-4o") >= 0);
    if (reader.has_usage()) FUZZ_CHECK(reader.usage().prompt_tokens >= 0 && reader.usage().completion_tokens >= 0);
    auto chunk = reader.usage_chunk(reader.usage());
    FUZZ_CHECK(chunk.empty() || core::is_valid_json(chunk));
  }
  return 0;
}
