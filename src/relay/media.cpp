#include "relay/media.h"

#include <fmt/core.h>

#include "billing/image_size.h"
#include "billing/media_tokens.h"
#include "core/byte_text.h"
#include "net/suspend.h"
#include "net/worker.h"
#include "relay/file_fetch.h"

namespace tollgate::relay {
namespace {

using billing::ImageSize;
using billing::MediaKind;
using dialect::RelayError;

constexpr std::size_t kReadHere = 64 * 1024;  // bytes of body that a network thread parses
constexpr std::size_t kMostLinks = 8;         // files a request may have fetched
constexpr std::size_t kShownOfData = 50;      // bytes of inline data in an error
constexpr std::chrono::seconds kWhole{20};    // for all files of a request

struct File {
  MediaKind kind = MediaKind::kFile;
  bool linked = false;
  std::string source;  // the URL, or the beginning of the data
  std::string detail;
  ImageSize size;  // of inline images
};

bool is_link(std::string_view text) { return text.starts_with("http://") || text.starts_with("https://"); }

// Of base64 text, with or without "data:…," before it. Only as much as is needed is decoded.
ImageSize size_of_inline(std::string_view data) {
  if (data.starts_with("data:")) data.remove_prefix(std::min(data.size(), data.find(',') + 1));
  for (std::size_t most = 1024;; most *= 16) {
    auto size = billing::read_image_size(core::base64_decode_start(data, most));
    if (size.state != ImageSize::State::kMore || most >= data.size()) return size;
  }
}

struct Measuring {
  std::string_view model;
  bool stream = false;
  billing::MediaRules rules;
  std::optional<std::int64_t> flat(MediaKind kind, std::string_view detail) const {
    return billing::flat_media_tokens(model, kind, detail, stream, rules);
  }
  // Whether linked files are called for.
  bool fetches() const { return rules.measure && (stream || rules.measure_not_stream); }
};

std::vector<File> find_files(const Request& request, const Measuring& measuring) {
  std::vector<File> files;
  dialect::visit_prompt(
      request.route, request.body, [](std::string_view) {},
      [&](const dialect::PromptFile& part) {
        File file;
        file.kind = part.kind;
        file.linked = is_link(part.source);
        file.detail = part.detail.empty() ? std::string_view("high") : part.detail;
        file.source = file.linked ? part.source : part.source.substr(0, kShownOfData);
        if (!file.linked && file.kind == MediaKind::kImage && !measuring.flat(file.kind, file.detail))
          file.size = size_of_inline(part.source);
        files.push_back(std::move(file));
      });
  return files;
}

RelayError failed(std::string message) {
  auto error = dialect::gateway_error(400, "count_token_failed", std::move(message));
  error.no_retry = true;
  return error;
}

}  // namespace

net::awaitable<std::optional<RelayError>> count_media(Request& request) {
  const auto& settings = request.relay.settings;
  Measuring measuring{
      request.openai.model, request.openai.stream, {settings.measure_media, settings.measure_not_stream}};
  std::vector<File> files;
  if (request.body.size() <= kReadHere) {
    files = find_files(request, measuring);
  } else {
    bool taken = true;
    files = co_await net::suspend<std::vector<File>>([&](auto done) {
      taken = request.relay.cpu_threads.submit([&request, &measuring, done] { done(find_files(request, measuring)); });
      if (!taken) done({});
    });
    if (!taken) co_return dialect::overloaded("computing threads");
  }

  FetchLimits limits;
  limits.file_bytes = settings.max_file_bytes;
  limits.due = std::chrono::steady_clock::now() + kWhole;
  limits.verify_tls = settings.verify_tls;
  std::size_t links = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto& file = files[i];
    if (file.linked && measuring.fetches()) {
      if (++links > kMostLinks)
        co_return failed(fmt::format("error getting file type: more than {} files", kMostLinks));
      request.waited = true;
      auto start = co_await fetch_file(request.exchange.worker(), file.source, *request.snapshot->relay.fetch, limits,
                                       [&](const FileStart& got) {
                                         const auto kind = billing::kind_of_file(got.bytes, got.content_type);
                                         if (got.bytes.size() < 32) return false;
                                         return kind != MediaKind::kImage || measuring.flat(kind, file.detail) ||
                                                billing::read_image_size(got.bytes).state != ImageSize::State::kMore;
                                       });
      if (!start) co_return failed("error getting file type: " + start.error().message);
      file.kind = billing::kind_of_file(start->bytes, start->content_type);
      file.size = billing::read_image_size(start->bytes);
    }
    if (auto tokens = measuring.flat(file.kind, file.detail)) {
      request.media_tokens += *tokens;
    } else if (file.size.state == ImageSize::State::kKnown) {
      request.media_tokens += billing::image_tokens(measuring.model, file.size.width, file.size.height, file.detail);
    } else {
      co_return failed(
          fmt::format("error counting image token, media index[{}], identifier[{}], err: the image cannot be read", i,
                      file.source));
    }
  }
  co_return std::nullopt;
}

}  // namespace tollgate::relay
