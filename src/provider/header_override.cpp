#include "provider/header_override.h"

#include <algorithm>

#include "core/ascii.h"
#include "core/json_edit.h"
#include "core/json_path.h"
#include "core/json_text.h"
#include "core/unicode_text.h"

namespace tollgate::provider {
namespace {

constexpr std::string_view kApiKey = "{api_key}";
constexpr std::string_view kClientHeader = "{client_header:";
// What a rule with a value that is no text says, as the compatible product does.
constexpr std::string_view kInvalidCode = "channel:header_override_invalid";

// Of the connection, of the message's framing, or a credential for this gateway: never passed on. The gateway
// says itself how a body is written, and reads answers as they are.
constexpr std::string_view kNeverPassed[] = {"connection",
                                             "keep-alive",
                                             "proxy-authenticate",
                                             "proxy-authorization",
                                             "te",
                                             "trailer",
                                             "transfer-encoding",
                                             "upgrade",
                                             "cookie",
                                             "host",
                                             "content-length",
                                             "authorization",
                                             "x-api-key",
                                             "x-goog-api-key",
                                             "sec-websocket-key",
                                             "sec-websocket-protocol",
                                             "expect",
                                             "content-encoding",
                                             "accept-encoding",
                                             "sec-websocket-version",
                                             "sec-websocket-extensions",
                                             "proxy-connection",
                                             "content-type"};

// The gateway's own, even against a rule that names them: a wrong one would let the upstream read other messages.
constexpr std::string_view kNeverSet[] = {"connection", "content-length", "keep-alive", "proxy-connection", "te",
                                          "trailer",    "expect",         "upgrade",    "transfer-encoding"};

template <class List>
bool is_one_of(const List& list, std::string_view name) {
  auto lower = core::ascii_lower(name);
  return std::find(std::begin(list), std::end(list), lower) != std::end(list);
}

bool is_name_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_header_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), is_name_character);
}

bool is_header_value(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7F;
  });
}

// `x-request-id` as `X-Request-Id`.
std::string canonical_name(std::string_view name) {
  std::string out = core::ascii_lower(name);
  bool first = true;
  for (char& c : out) {
    if (first && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    first = c == '-';
  }
  return out;
}

// The pattern of a key `re:…` or `regex:…`.
std::optional<std::string_view> pattern_of(std::string_view key) {
  for (std::string_view prefix : {"re:", "regex:"})
    if (core::ascii_lower(key.substr(0, prefix.size())) == prefix) return core::unicode_trim(key.substr(prefix.size()));
  return std::nullopt;
}

std::string_view first_value(std::span<const HeaderField> client, std::string_view name) {
  auto wanted = core::ascii_lower(name);
  for (const auto& field : client)
    if (core::ascii_lower(field.name) == wanted) return core::unicode_trim(field.value);
  return {};
}

}  // namespace

std::shared_ptr<const HeaderOverride> HeaderOverride::compile(std::string_view source) {
  constexpr std::size_t kMostLevels = 100;
  source = core::trim_json_blanks(source);
  if (!source.starts_with('{') || !core::is_valid_json(source, kMostLevels)) return nullptr;
  auto out = std::make_shared<HeaderOverride>();
  core::JsonSteps steps(source);
  bool any = false;
  for (core::JsonMember member; steps.next(member); any = true)
    out->read(core::decode_json_string(source.substr(member.key.begin, member.key.size())),
              source.substr(member.value.begin, member.value.size()));
  if (!any) return nullptr;
  return out;
}

void HeaderOverride::read(std::string_view key, std::string_view raw_value) {
  auto wrong = [this](std::string text) {
    if (fault_.empty()) fault_ = std::move(text);
  };
  key = core::unicode_trim(key);
  if (key.empty()) return;
  if (key == "*") {
    passes_all_ = asks_client_ = true;
    return;
  }
  if (auto pattern = pattern_of(key)) {
    asks_client_ = true;
    if (pattern->empty()) return wrong("header override: the pattern of '" + std::string(key) + "' is empty");
    auto regex = core::Regex::compile(*pattern);
    if (!regex) return wrong("header override: " + regex.error().message);
    passes_.push_back(std::move(*regex));
    return;
  }
  if (core::kind_of_json(raw_value) != core::JsonKind::kString) return wrong(std::string(kInvalidCode));
  if (!is_header_name(key)) return wrong("header override: '" + std::string(key) + "' is no name of a header");
  auto text = core::decode_json_string(raw_value);
  auto value = core::unicode_trim(text);
  Entry entry{.name = std::string(key), .value = std::string(value)};
  if (value.find(kClientHeader) != std::string_view::npos) {
    asks_client_ = true;
    auto name = value;
    if (name.starts_with(kClientHeader) && name.ends_with('}'))
      name = core::unicode_trim(name.substr(kClientHeader.size(), name.size() - kClientHeader.size() - 1));
    if (!is_header_name(name))
      return wrong("header override: the value of '" + entry.name +
                   "' must be {client_header:<name>} and nothing else");
    entry.client_name = name;
  }
  entries_.push_back(std::move(entry));
}

bool HeaderOverride::sets(std::string_view name) const {
  auto wanted = core::ascii_lower(name);
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return core::ascii_lower(entry.name) == wanted; });
}

core::Result<std::vector<std::pair<std::string, std::string>>> HeaderOverride::headers(
    std::string_view api_key, std::span<const HeaderField> client) const {
  std::vector<std::pair<std::string, std::string>> out;
  std::vector<std::string> passed;
  for (const auto& field : client) {
    if (!passes_all_ && passes_.empty()) break;
    auto name = canonical_name(field.name);
    auto value = core::unicode_trim(field.value);
    // Of several of one name the first counts, even when it is empty.
    if (is_one_of(kNeverPassed, name) || is_one_of(passed, name)) continue;
    if (!passes_all_ && std::none_of(passes_.begin(), passes_.end(), [&](const auto& r) { return r.found_in(name); }))
      continue;
    passed.push_back(core::ascii_lower(name));
    if (!value.empty()) out.emplace_back(std::move(name), value);
  }
  for (const auto& entry : entries_) {
    if (is_one_of(kNeverSet, entry.name)) continue;
    auto value = entry.client_name.empty() ? entry.value : std::string(first_value(client, entry.client_name));
    if (entry.client_name.empty())
      for (auto at = value.find(kApiKey); at != std::string::npos; at = value.find(kApiKey, at + api_key.size()))
        value.replace(at, kApiKey.size(), api_key);
    if (core::unicode_trim(value).empty()) continue;
    if (!is_header_value(value))
      return core::error(core::Errc::kInvalid, "header override: the value of '" + entry.name + "' has a line break");
    out.emplace_back(entry.name, std::move(value));
  }
  return out;
}

std::vector<std::string_view> HeaderOverride::secrets() const {
  std::vector<std::string_view> out;
  for (const auto& entry : entries_) {
    auto name = core::ascii_lower(entry.name);
    bool secret = false;
    for (std::string_view word : {"auth", "key", "token", "secret", "cookie", "password"})
      secret = secret || name.find(word) != std::string::npos;
    if (!secret || entry.value.find('{') != std::string::npos) continue;
    std::string_view value = entry.value;
    out.push_back(value);
    // Without the word that says how it is used.
    if (auto blank = value.rfind(' '); blank != std::string_view::npos) out.push_back(value.substr(blank + 1));
  }
  return out;
}

std::string why_not_store_header_override(std::string_view source) {
  source = core::trim_json_blanks(source);
  if (source.empty() || source == "null") return {};
  if (!source.starts_with('{') || !core::is_valid_json(source)) return "header_override: must be a JSON object";
  auto rules = HeaderOverride::compile(source);
  if (!rules || rules->fault().empty()) return {};
  return rules->fault() == kInvalidCode ? "header_override: every value must be a text" : rules->fault();
}

}  // namespace tollgate::provider
