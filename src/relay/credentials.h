// Which API key a request carries: the places a client may put one, and how it is spelt.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tollgate::relay {

// The parts of a key text "sk-<key>[-<channel id>]".
struct Credential {
  std::string key;                     // without "sk-"; empty when the request carries none
  std::optional<std::string> channel;  // text behind the key that pins a channel, as it came
};

using HeaderLookup = std::function<std::optional<std::string_view>(std::string_view name)>;

// Later places win over earlier ones: Authorization, Sec-WebSocket-Protocol, x-api-key (Anthropic clients), the query
// parameter key and x-goog-api-key (Gemini clients). mj-api-secret (Midjourney clients) counts where these give
// nothing, or the word that such clients send instead of a key. `path` is without the query.
Credential find_credential(std::string_view path, std::string_view query, const HeaderLookup& header);

// The value of a query parameter, percent-decoded; nullopt when absent.
std::optional<std::string> query_parameter(std::string_view query, std::string_view name);

}  // namespace tollgate::relay
