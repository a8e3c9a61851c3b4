// Events of a chat stream as an upstream may send them: any bytes. What is read does not depend on whether the client
// wants usage, which only holds a usage chunk back; kinds are disjoint and add up to what was reported; counts never
// fall; the closing usage chunk is valid JSON that says the same when it is read.
#include "dialect/openai_stream.h"

#include <string>

#include "core/json_edit.h"
#include "fuzz/fuzz.h"
#include "net/sse.h"

using namespace tollgate;
using dialect::StreamAction;

namespace {

void check_kinds(const billing::Usage& usage) {
  const auto kinds = billing::split_kinds(usage);
  for (auto kind : {kinds.input, kinds.cache_read, kinds.cache_write_5m, kinds.cache_write_1h, kinds.audio_input,
                    kinds.image_input, kinds.output, kinds.reasoning, kinds.audio_output, kinds.image_output})
    FUZZ_CHECK(kind >= 0);
  FUZZ_CHECK(kinds.sum() == usage.prompt_tokens + usage.completion_tokens);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body(fuzz::text(data, size));
  net::SseReader events;
  dialect::OpenAiStreamReader wants(true), declines(false);
  events.feed(body);
  net::SseEvent event;
  std::int64_t counted = 0;
  bool done = false;
  while (events.next(event)) {
    const auto action = wants.on_event(event.data);
    const auto other = declines.on_event(event.data);
    // Usage that cannot be is shown to nobody.
    FUZZ_CHECK(action != StreamAction::kHoldBack || (wants.usage_refused() && other == action));
    if (other == StreamAction::kHoldBack) {
      FUZZ_CHECK(action == StreamAction::kForward || wants.usage_refused());
      FUZZ_CHECK(event.data.find("usage") != std::string_view::npos ||
                 event.data.find("\\u") != std::string_view::npos);
    } else {
      FUZZ_CHECK(other == action);
    }
    if (action == StreamAction::kError) FUZZ_CHECK(wants.error() == event.data);
    done = done || action == StreamAction::kDone;
    FUZZ_CHECK(wants.saw_done() == done && declines.saw_done() == done);
    FUZZ_CHECK(wants.counted_tokens("gpt-4o") >= counted);
    counted = wants.counted_tokens("gpt-4o");
  }
  FUZZ_CHECK(declines.counted_tokens("gpt-4o") == counted && wants.has_output() == declines.has_output());
  FUZZ_CHECK(wants.ended_well() == declines.ended_well() && wants.meaningful() == declines.meaningful());
  if (wants.ended_well() || wants.has_output()) FUZZ_CHECK(wants.meaningful());
  FUZZ_CHECK(wants.has_usage() == declines.has_usage() && wants.usage() == declines.usage());
  FUZZ_CHECK(wants.usage().prompt_tokens >= 0 && wants.usage().completion_tokens >= 0);
  check_kinds(wants.usage());

  const auto chunk = wants.usage_chunk(wants.usage());
  if (chunk.empty()) return 0;
  FUZZ_CHECK(core::is_valid_json(chunk));
  dialect::OpenAiStreamReader client(true);
  FUZZ_CHECK(client.on_event(chunk) == StreamAction::kForward);
  FUZZ_CHECK(client.has_usage() == wants.usage().usable());
  FUZZ_CHECK(client.usage().prompt_tokens == wants.usage().prompt_tokens);
  FUZZ_CHECK(client.usage().completion_tokens == wants.usage().completion_tokens);
  return 0;
}
