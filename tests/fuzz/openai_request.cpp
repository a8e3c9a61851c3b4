// Requests of the OpenAI dialect: what is accepted is one JSON object in which another parser sees the same model and
// no more output tokens; it is priced; a patch changes what it names and no byte besides; without one nothing changes.
#include "dialect/openai_request.h"

#include <algorithm>
#include <boost/json.hpp>
#include <string>

#include "dialect/openai_patch.h"
#include "fuzz/fuzz.h"

using namespace tollgate;

namespace {

using dialect::OpenAiRoute;

bool writes_text(OpenAiRoute route) {
  return route == OpenAiRoute::kChatCompletions || route == OpenAiRoute::kCompletions;
}

// Boost.JSON takes the last of two members of a name. It refuses some of what RFC 8259 allows: then nothing is
// compared.
void check_against_boost(OpenAiRoute route, std::string_view body, const dialect::OpenAiRequest& request) {
  boost::json::parse_options options;
  options.max_depth = 1000;
  boost::system::error_code error;
  const auto value = boost::json::parse(body, error, {}, options);
  if (error) return;
  const auto& object = value.get_object();
  const auto* model = object.if_contains("model");
  FUZZ_CHECK(request.model == (model && model->is_string() ? std::string_view(model->get_string()) : ""));
  // What breaks a rule is refused before its figures are used.
  if (!writes_text(route) || !request.broken_rule.empty()) return;
  for (auto name : {"max_tokens", "max_completion_tokens"})
    if (const auto* most = object.if_contains(name); most && most->is_int64())
      FUZZ_CHECK(request.max_output_tokens >= most->get_int64());
  if (const auto* stream = object.if_contains("stream"); stream && stream->is_bool())
    FUZZ_CHECK(request.stream == stream->get_bool());
}

// Members that no patch names are there, in order, byte for byte.
void check_untouched(std::string_view body, std::string_view patched) {
  const auto members = core::scan_object(body);
  FUZZ_CHECK(members);
  std::size_t at = 0;
  for (const auto& [key, value] : *members) {
    const auto name = body.substr(key.begin, key.size());
    const auto named = {"model", "messages", "stream_options", "service_tier", "store", "safety_identifier"};
    if (std::any_of(named.begin(), named.end(), [&](auto other) { return core::json_string_equals(name, other); }))
      continue;
    const auto found = patched.find(body.substr(key.begin, value.end - key.begin), at);
    FUZZ_CHECK(found != std::string_view::npos);
    at = found + (value.end - key.begin);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string padded(fuzz::text(data, size));
  padded.resize(size + 64);
  const std::string_view came(padded.data(), size);
  for (auto route : {OpenAiRoute::kChatCompletions, OpenAiRoute::kCompletions, OpenAiRoute::kEmbeddings,
                     OpenAiRoute::kModerations, OpenAiRoute::kImages, OpenAiRoute::kSpeech, OpenAiRoute::kRerank}) {
    auto request = dialect::read_openai_request(route, came);
    if (!request) {
      FUZZ_CHECK(!request.error().message.empty());
      continue;
    }
    FUZZ_CHECK(core::is_valid_json(came));
    // What decoders could read differently was written anew, and that is what goes on.
    const auto body = request->respelled.empty() ? came : request->respelled_body();
    FUZZ_CHECK(core::is_valid_json(body));
    FUZZ_CHECK(request->max_output_tokens >= 0 && request->inline_media_bytes >= 0);
    check_against_boost(route, body, *request);
    std::size_t bytes = 0;
    std::size_t file_bytes = 0;
    auto parts = dialect::visit_prompt(
        route, body, [&](std::string_view text) { bytes += text.size(); },
        [&](const dialect::PromptFile& file) { file_bytes += file.source.size() + file.detail.size(); });
    // Schemas are printed in another form, "map[]" for "{}", that may be longer.
    FUZZ_CHECK(bytes <= 3 * size && file_bytes <= size && parts.extra_tokens >= 0);
    if (writes_text(route)) FUZZ_CHECK(parts.extra_tokens >= 3);

    core::JsonEditor untouched(body);
    dialect::patch_openai_request(*request, {}, untouched, body);
    FUZZ_CHECK(!untouched.changed() && untouched.text() == body);

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
    check_untouched(body, patched);
    patched.resize(patched.size() + 64);
    auto again = dialect::read_openai_request(route, std::string_view(patched).substr(0, patched.size() - 64));
    FUZZ_CHECK(again && again->model == "up\"stream" && !again->filtered_members);
    if (!request->model.empty())  // without one it goes no further than the gate
      FUZZ_CHECK(again->stream == request->stream && again->max_output_tokens == request->max_output_tokens);
    if (writes_text(route) && request->stream) FUZZ_CHECK(again->include_usage == dialect::IncludeUsage::kTrue);
  }
  return 0;
}
