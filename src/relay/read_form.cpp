// The part of forms that knows of requests: what the pipeline asks of one.
#include <fmt/core.h>

#include <algorithm>

#include "billing/token_estimate.h"
#include "core/audio_duration.h"
#include "core/log.h"
#include "dialect/form_request.h"
#include "net/suspend.h"
#include "relay/form.h"
#include "relay/request.h"
#include "relay/routes.h"

namespace tollgate::relay {
namespace {

using core::Errc;
using dialect::gate_error;
using dialect::gateway_error;
using dialect::OpenAiRoute;
using dialect::RelayError;

constexpr std::size_t kCountedHere = 8 * 1024;  // bytes of prompt; as in estimate.cpp

FormLimits limits_of(const Request& request) {
  const auto& options = *request.snapshot->options;
  auto mebibytes = [&](std::string_view key) {
    return static_cast<std::size_t>(std::clamp<std::int64_t>(options.integer(key), 1, 1 << 20)) << 20U;
  };
  FormLimits limits;
  limits.body_bytes = request.relay.settings.max_body_bytes;
  limits.memory_bytes = mebibytes("performance_setting.disk_cache_threshold_mb");
  limits.disk_bytes = mebibytes("performance_setting.disk_cache_max_size_mb");
  limits.directory = options.text("performance_setting.disk_cache_path");
  return limits;
}

RelayError refused(RelayError error) {
  error.no_retry = true;
  return error;
}

// Without a form there is nothing to measure a recording by; the routes say so in different words.
RelayError no_form(OpenAiRoute route, std::string_view why) {
  if (route == OpenAiRoute::kImageEdits)
    return dialect::invalid_request(fmt::format("failed to parse image edit form request: {}", why));
  return refused(gateway_error(400, "count_token_failed", fmt::format("error parsing multipart form: {}", why)));
}

RelayError reading_failed(const Request& request, const core::Error& error) {
  switch (error.code) {
    case Errc::kTooLarge:
      return refused(gateway_error(413, "read_request_body_failed",
                                   fmt::format("request body exceeds {} MB: request body too large",
                                               request.relay.settings.max_body_bytes >> 20U)));
    case Errc::kUnsupported: return gate_error(415, "Invalid request, 无效的请求, " + error.message);
    case Errc::kTimeout: return gate_error(408, "the request body takes too long");
    case Errc::kUnavailable: return refused(gateway_error(507, "insufficient_storage", error.message));
    case Errc::kInternal:
      core::log::error("request {}: {}", request.id, error.message);
      return refused(gateway_error(500, "read_request_body_failed", "the upload could not be stored"));
    case Errc::kInvalid: return no_form(request.route, error.message);
    default: return gate_error(400, "Invalid request, 无效的请求, " + error.message);
  }
}

std::string_view extension_of(std::string_view file_name) {
  auto dot = file_name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : file_name.substr(dot);
}

// In tokens; an error's text is for the client. Reads files: not for a network worker.
core::Result<std::int64_t> audio_estimate(const Form& form) {
  std::int64_t tokens = 0;
  for (const auto& part : form.parts) {
    if (!part.head.is_file || part.head.name != "file") continue;
    auto extension = extension_of(part.head.file_name);
    auto seconds = part.file ? core::audio_duration(extension, part.file->descriptor())
                             : core::audio_duration(extension, part.bytes);
    if (!seconds) return seconds.error();
    tokens += core::audio_tokens(*seconds);
  }
  return tokens;
}

// Of one field: the prompt of pictures.
core::Result<std::int64_t> prompt_estimate(const Request& request) {
  for (const auto& part : request.form->parts)
    if (part.head.name == "prompt") return billing::count_tokens(request.openai.model, part.bytes);
  return std::int64_t{0};
}

}  // namespace

std::uint64_t form_memory(const Request& request) { return limits_of(request).memory_bytes; }

net::awaitable<std::optional<RelayError>> read_form(Request& request) {
  auto type = request.exchange.header("content-type").value_or("");
  if (!net::is_form(type)) co_return no_form(request.route, "request Content-Type isn't multipart/form-data");
  auto received = co_await receive_form(request.exchange, request.relay.spool, limits_of(request));
  request.ticket.body_arrived();
  if (!received) co_return reading_failed(request, received.error());
  auto form = std::make_unique<Form>(std::move(*received));

  std::vector<dialect::FormField> fields;
  fields.reserve(form->parts.size());
  for (auto& part : form->parts)
    fields.push_back({.name = &part.head.name,
                      .content_type = &part.head.content_type,
                      .file_name = part.head.file_name,
                      .text = part.head.is_file ? nullptr : &part.bytes});
  auto read = dialect::read_form_request(request.route, fields);
  if (!read) co_return gate_error(400, "Invalid request, 无效的请求, " + read.error().message);
  request.openai = std::move(*read);
  std::vector<StoredPart> kept;
  for (std::size_t i = 0; i < fields.size(); ++i)
    if (!fields[i].removed) kept.push_back(std::move(form->parts[i]));
  form->parts = std::move(kept);
  request.form = std::move(form);
  if (request.openai.model.empty()) {
    request.openai.model = model_without_body(request.exchange.head().path);
    request.openai.model_added = true;
  }
  co_return std::nullopt;
}

net::awaitable<std::optional<RelayError>> measure_form(Request& request) {
  if (!request.relay.settings.count_tokens) {
    request.estimate = 0;
    co_return std::nullopt;
  }
  const bool audio = request.route != OpenAiRoute::kImageEdits;
  auto measure = [&request, audio] { return audio ? audio_estimate(*request.form) : prompt_estimate(request); };
  std::int64_t prompt_bytes = 0;
  for (const auto& part : request.form->parts)
    if (!part.head.is_file) prompt_bytes += static_cast<std::int64_t>(part.bytes.size());
  core::Result<std::int64_t> measured = core::error(Errc::kUnavailable, "too much is being counted");
  if (!audio && prompt_bytes <= static_cast<std::int64_t>(kCountedHere)) {
    measured = measure();
  } else {
    auto shared = std::make_shared<core::Result<std::int64_t>>(measured);
    co_await net::suspend<bool>([&](auto done) {
      bool taken = request.relay.cpu_threads.submit([shared, measure, done] {
        *shared = measure();
        done(true);
      });
      if (!taken) done(false);
    });
    measured = std::move(*shared);
  }
  if (!measured && measured.error().code == Errc::kUnavailable) {
    auto busy = refused(gateway_error(503, "overloaded", "the gateway is overloaded: " + measured.error().message));
    busy.retry_after = "1";
    co_return busy;
  }
  if (!measured)
    co_return refused(
        gateway_error(400, "count_token_failed", "error getting audio duration: " + measured.error().message));
  request.estimate = *measured;
  co_return std::nullopt;
}

}  // namespace tollgate::relay
