#include "relay/sensitive_words.h"

#include "core/log.h"
#include "core/word_finder.h"
#include "net/suspend.h"

namespace tollgate::relay {
namespace {

// Bytes of body that take a fraction of a millisecond on a network thread: to be searched as they are, and parsed too.
constexpr std::size_t kSearchedHere = 512 * 1024, kParsedHere = 64 * 1024;

// Texts without escapes stand in the body as they are: where it holds no word, none of them does, and nothing need be
// parsed. Parameters of tools are searched in another form than that of the body.
bool holds_none(const core::WordFinder& words, std::string_view body) {
  return body.find('\\') == std::string_view::npos && body.find("\"tools\"") == std::string_view::npos &&
         !words.find(body);
}

// Of a form: the prompt of an edit. What is said in a recording is not known.
std::string search(const core::WordFinder& words, const Form& form) {
  for (const auto& part : form.parts)
    if (part.head.name == "prompt" && !part.head.is_file)
      if (auto word = words.find(part.bytes)) return std::string(*word);
  return {};
}

std::string search(const Request& request) {
  std::string found;
  const auto& words = *request.snapshot->relay.sensitive_words;
  if (request.form) return search(words, *request.form);
  if (request.body.size() > kSearchedHere && holds_none(words, request.body)) return found;
  // Parts are joined by line feeds, and no word has one: each can be searched by itself.
  dialect::visit_prompt(request.route, request.body, [&](std::string_view part) {
    if (found.empty())
      if (auto word = words.find(part)) found = *word;
  });
  return found;
}

}  // namespace

net::awaitable<std::optional<dialect::RelayError>> check_words(Request& request) {
  const auto& words = *request.snapshot->relay.sensitive_words;
  if (!request.form && request.body.size() <= kSearchedHere && holds_none(words, request.body)) co_return std::nullopt;
  std::string found;
  if (request.body.size() <= kParsedHere) {
    found = search(request);
  } else {
    bool taken = true;
    found = co_await net::suspend<std::string>([&request, &taken](auto done) {
      taken = request.relay.cpu_threads.submit([&request, done] { done(search(request)); });
      if (!taken) done({});
    });
    if (!taken) co_return dialect::overloaded("computing threads");
  }
  if (found.empty()) co_return std::nullopt;
  core::log::warn("request {}: sensitive word: {}", request.id, found);
  auto error = dialect::gateway_error(400, "sensitive_words_detected", "sensitive_words_detected");
  error.no_retry = true;
  co_return error;
}

}  // namespace tollgate::relay
