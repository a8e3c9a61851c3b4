#include "relay/credentials.h"

#include "core/ascii.h"
#include "core/percent.h"

namespace tollgate::relay {
namespace {

std::string_view without_bearer(std::string_view text) {
  return text.starts_with("Bearer ") || text.starts_with("bearer ") ? core::trimmed(text.substr(7), core::kHttpBlanks)
                                                                    : text;
}

// Sec-WebSocket-Protocol of browsers: "realtime, openai-insecure-api-key.sk-…". Empty without such an element.
std::string_view from_websocket_protocol(std::string_view header) {
  constexpr std::string_view kMark = "openai-insecure-api-key";
  std::string_view rest = header;
  while (!rest.empty()) {
    auto comma = rest.find(',');
    auto element = core::trimmed(rest.substr(0, comma), core::kHttpBlanks);
    if (element.starts_with(kMark)) {
      element.remove_prefix(kMark.size());
      if (element.starts_with('.')) element.remove_prefix(1);
      return element;
    }
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return {};
}

}  // namespace

std::optional<std::string> query_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    auto amp = query.find('&');
    auto pair = query.substr(0, amp);
    auto equals = pair.find('=');
    if (core::percent_decoded(pair.substr(0, equals)) == name)
      return equals == std::string_view::npos ? std::string() : core::percent_decoded(pair.substr(equals + 1));
    query = amp == std::string_view::npos ? std::string_view() : query.substr(amp + 1);
  }
  return std::nullopt;
}

Credential find_credential(std::string_view path, std::string_view query, const HeaderLookup& header) {
  std::string text;
  if (auto value = header("authorization")) text = *value;
  if (auto value = header("sec-websocket-protocol"))
    if (auto key = from_websocket_protocol(*value); !key.empty()) text = key;
  if (path.find("/v1/messages") != std::string_view::npos || path.find("/v1/models") != std::string_view::npos) {
    if (auto value = header("x-api-key"); value && !value->empty()) text = *value;
  }
  if (path.starts_with("/v1beta/models") || path.starts_with("/v1beta/openai/models") ||
      path.starts_with("/v1/models/")) {
    if (auto value = query_parameter(query, "key"); value && !value->empty()) text = *value;
    if (auto value = header("x-goog-api-key"); value && !value->empty()) text = *value;
  }

  auto plain = without_bearer(text);
  if (plain.empty() || plain == "midjourney-proxy") {
    if (auto value = header("mj-api-secret")) text = *value;
  }

  std::string_view key = without_bearer(text);
  if (key.starts_with("sk-")) key.remove_prefix(3);
  Credential credential;
  auto dash = key.find('-');
  credential.key = key.substr(0, dash);
  if (dash != std::string_view::npos) {
    auto rest = key.substr(dash + 1);
    credential.channel = std::string(rest.substr(0, rest.find('-')));
  }
  return credential;
}

}  // namespace tollgate::relay
