// Requests of the OpenAI dialect: what is accepted is one JSON object, and stays one after every patch.
#include "dialect/openai_request.h"

#include <boost/json.hpp>
#include <string>

#include "dialect/openai_patch.h"
#include "fuzz/fuzz.h"

using namespace tollgate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string padded(fuzz::text(data, size));
  padded.resize(size + 64);
  const std::string_view body(padded.data(), size);
  for (auto route : {dialect::OpenAiRoute::kChatCompletions, dialect::OpenAiRoute::kCompletions,
                     dialect::OpenAiRoute::kEmbeddings}) {
    auto request = dialect::read_openai_request(route, body);
    if (!request) {
      FUZZ_CHECK(!request.error().message.empty());
      continue;
    }
    FUZZ_CHECK(core::is_valid_json(body));
    FUZZ_CHECK(request->max_output_tokens >= 0);
    std::size_t bytes = 0;
    auto parts = dialect::visit_prompt(route, body, [&](std::string_view text) { bytes += text.size(); });
    FUZZ_CHECK(bytes <= size && parts.images >= 0 && parts.extra_tokens >= 0);

    core::JsonEditor editor(body);
    dialect::OpenAiPatch patch{.upstream_model = "up\"stream",
                               .ask_usage = true,
                               .drop_service_tier = true,
                               .drop_store = true,
                               .drop_safety_identifier = true,
                               .system_prompt = "be brief",
                               .system_prompt_override = size % 2 == 0};
    dialect::patch_openai_request(*request, patch, editor, body);
    auto patched = editor.text();
    FUZZ_CHECK(core::is_valid_json(patched));
    patched.resize(patched.size() + 64);
    auto again = dialect::read_openai_request(route, std::string_view(patched).substr(0, patched.size() - 64));
    FUZZ_CHECK(again && again->model == "up\"stream");
  }
  return 0;
}
