#include "relay/estimate.h"

#include <algorithm>

#include "billing/token_estimate.h"
#include "net/suspend.h"

namespace tollgate::relay {
namespace {

constexpr std::size_t kCountedHere = 8 * 1024;  // bytes of body; longer ones cost more than a network thread may spend

std::int64_t code_points(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; });
}

std::int64_t count(dialect::OpenAiRoute route, std::string_view body, const std::string& model) {
  std::string text;
  bool first = true;
  auto parts = dialect::visit_prompt(route, body, [&](std::string_view part) {
    if (!first) text += '\n';
    first = false;
    text += part;
  });
  // Speech of models that are no language models is sold by the character.
  if (route == dialect::OpenAiRoute::kSpeech && model.find("gpt") == std::string::npos) return code_points(text);
  return billing::count_tokens(model, text) + parts.extra_tokens;
}

}  // namespace

std::int64_t prompt_bound(const Request& request) {
  if (request.estimate) return *request.estimate;
  if (!request.relay.settings.count_tokens) return 0;
  auto text = static_cast<std::int64_t>(request.body.size()) - request.openai.inline_media_bytes;
  // Members of a message cost more bytes than the tokens that come on top of their text.
  return billing::token_upper_bound(request.openai.model, std::max<std::int64_t>(0, text)) + request.media_tokens;
}

net::awaitable<std::int64_t> estimate_prompt(Request& request) {
  if (request.estimate) co_return *request.estimate;
  if (!request.relay.settings.count_tokens) {
    request.estimate = 0;
  } else if (request.body.size() <= kCountedHere) {
    request.estimate = count(request.route, request.body, request.openai.model) + request.media_tokens;
  } else {
    auto counted = co_await net::suspend<std::int64_t>([&request](auto done) {
      bool taken = request.relay.cpu_threads.submit(
          [&request, done] { done(count(request.route, request.body, request.openai.model) + request.media_tokens); });
      // All computing threads are busy and their queue is full: the bound is what is known.
      if (!taken) done(prompt_bound(request));
    });
    request.estimate = counted;
  }
  co_return *request.estimate;
}

}  // namespace tollgate::relay
