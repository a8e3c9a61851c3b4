#include "notify/delivery.h"

#include <fmt/core.h>
#include <openssl/hmac.h>

#include "core/ascii.h"
#include "core/byte_text.h"
#include "core/json_text.h"
#include "core/percent.h"

namespace tollgate::notify {
namespace {

std::string hmac_hex(std::string_view secret, std::string_view body) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest, &size);
  return core::hex_digits({reinterpret_cast<const char*>(digest), size});
}

void replace_all(std::string& text, std::string_view what, const std::string& with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

}  // namespace

HttpCall webhook_call(const Recipient& to, const Message& message, std::int64_t unix_now) {
  HttpCall out{.method = "POST", .url = to.webhook_url, .headers = {"Content-Type: application/json"}, .body = {}};
  out.body = "{\"type\":" + core::json_string(message.type) + ",\"title\":" + core::json_string(message.title) +
             ",\"content\":" + core::json_string(message.filled());
  if (!message.values.empty()) {
    out.body += ",\"values\":[";
    for (std::size_t i = 0; i < message.values.size(); ++i)
      out.body += (i ? "," : "") + core::json_string(message.values[i]);
    out.body += ']';
  }
  out.body += fmt::format(",\"timestamp\":{}}}", unix_now);
  if (!to.webhook_secret.empty())
    out.headers.push_back("X-Webhook-Signature: " + hmac_hex(to.webhook_secret, out.body));
  return out;
}

HttpCall bark_call(const Recipient& to, const Message& message) {
  HttpCall out{.method = "GET", .url = to.bark_url, .headers = {"User-Agent: OneAPI-Bark-Notify/1.0"}, .body = {}};
  replace_all(out.url, "{{title}}", core::query_escaped(message.title));
  replace_all(out.url, "{{content}}", core::query_escaped(message.filled()));
  return out;
}

HttpCall gotify_call(const Recipient& to, const Message& message) {
  std::string_view base = to.gotify_url;
  if (base.ends_with('/')) base.remove_suffix(1);
  return {.method = "POST",
          .url = std::string(base) + "/message?token=" + core::query_escaped(to.gotify_token),
          .headers = {"Content-Type: application/json; charset=utf-8", "User-Agent: NewAPI-Gotify-Notify/1.0"},
          .body = "{\"title\":" + core::json_string(message.title) + ",\"message\":" +
                  core::json_string(message.filled()) + fmt::format(",\"priority\":{}}}", to.gotify_priority)};
}

core::Result<HttpCall> through_worker(HttpCall call, const Recipient& to, const core::Options& options) {
  const auto& worker = options.text("WorkerUrl");
  if (worker.empty()) return call;
  if (!options.boolean("WorkerAllowHttpImageRequestEnabled") && !core::ascii_lower(call.url).starts_with("https://"))
    return core::error(core::Errc::kDenied, "only support https url");
  HttpCall out{.method = "POST",
               .url = worker.ends_with('/') ? worker : worker + "/",
               .headers = {"Content-Type: application/json"},
               .body = {},
               .by_operator = true};
  out.body = "{\"url\":" + core::json_string(call.url) +
             ",\"key\":" + core::json_string(options.text("WorkerValidKey")) +
             ",\"method\":" + core::json_string(call.method) + ",\"headers\":{";
  bool first = true;
  auto header = [&](std::string_view name, std::string_view value) {
    out.body += (std::exchange(first, false) ? "" : ",") + core::json_string(name) + ":" + core::json_string(value);
  };
  for (const std::string_view line : call.headers) {
    const auto colon = line.find(": ");
    auto value = line.substr(colon + 2);
    if (value == "NewAPI-Gotify-Notify/1.0") value = "OneAPI-Gotify-Notify/1.0";
    header(line.substr(0, colon), value);
  }
  if (to.way == Way::kWebhook && !to.webhook_secret.empty()) header("Authorization", "Bearer " + to.webhook_secret);
  out.body += '}';
  if (!call.body.empty()) out.body += ",\"body\":" + call.body;
  out.body += '}';
  return out;
}

}  // namespace tollgate::notify
