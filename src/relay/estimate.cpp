#include "relay/estimate.h"

#include <algorithm>

#include "billing/media_tokens.h"
#include "billing/token_estimate.h"
#include "net/suspend.h"

namespace tollgate::relay {
namespace {

constexpr std::size_t kCountedHere = 8 * 1024;  // bytes of body; longer ones cost more than a network thread may spend
constexpr std::int64_t kMediaBound = 8192;      // the dearest file

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
  auto media = [&](billing::MediaKind kind, std::int64_t n) {
    return n == 0 ? 0 : n * billing::flat_media_tokens(model, kind, "high", false, {}).value_or(520);
  };
  return billing::count_tokens(model, text) + parts.extra_tokens + media(billing::MediaKind::kImage, parts.images) +
         media(billing::MediaKind::kAudio, parts.audio) + media(billing::MediaKind::kFile, parts.files) +
         media(billing::MediaKind::kVideo, parts.videos);
}

}  // namespace

std::int64_t prompt_bound(const Request& request) {
  if (request.estimate) return *request.estimate;
  if (!request.relay.settings.count_tokens) return 0;
  auto media = request.openai.inline_media_bytes;
  auto text = std::max<std::int64_t>(0, static_cast<std::int64_t>(request.body.size()) - media);
  // Members of a message cost more bytes than the tokens that come on top of their text.
  return billing::token_upper_bound(request.openai.model, text) + (media > 0 ? kMediaBound * (1 + media / 1024) : 0);
}

net::awaitable<std::int64_t> estimate_prompt(Request& request) {
  if (request.estimate) co_return *request.estimate;
  if (!request.relay.settings.count_tokens) {
    request.estimate = 0;
  } else if (request.body.size() <= kCountedHere) {
    request.estimate = count(request.route, request.body, request.openai.model);
  } else {
    auto counted = co_await net::suspend<std::int64_t>([&request](auto done) {
      bool taken = request.relay.cpu_threads.submit(
          [&request, done] { done(count(request.route, request.body, request.openai.model)); });
      // All computing threads are busy and their queue is full: the bound is what is known.
      if (!taken) done(prompt_bound(request));
    });
    request.estimate = counted;
  }
  co_return *request.estimate;
}

}  // namespace tollgate::relay
