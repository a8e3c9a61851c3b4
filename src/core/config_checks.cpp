#include "core/config_checks.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/ascii.h"
#include "core/ip_address.h"

namespace tollgate::core {
namespace {

// Calls visit(item) for each item that is not empty; stops at the first complaint and returns it.
template <class Visit>
std::string each_item(std::string_view list, char separator, Visit visit) {
  while (!list.empty()) {
    auto end = list.find(separator);
    auto item = trimmed(list.substr(0, end));
    if (!item.empty())
      if (auto wrong = visit(item); !wrong.empty()) return wrong;
    list = end == std::string_view::npos ? std::string_view() : list.substr(end + 1);
  }
  return {};
}

template <class T>
bool parse_whole(std::string_view text, T& value, int base = 10) {
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return ec == std::errc() && end == text.data() + text.size() && !text.empty();
}

std::optional<ListenAddress> parse_unix(std::string_view text) {
  ListenAddress address;
  auto question = text.find('?');
  address.path = text.substr(0, question);
  if (!address.path.starts_with('/')) return std::nullopt;
  if (question == std::string_view::npos) return address;
  auto parameter = text.substr(question + 1);
  if (!parameter.starts_with("mode=") || !parse_whole(parameter.substr(5), address.mode, 8) || address.mode > 0777)
    return std::nullopt;
  return address;
}

}  // namespace

std::optional<ListenAddress> parse_listen(std::string_view text) {
  if (text.starts_with("unix:")) return parse_unix(text.substr(5));
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  ListenAddress address;
  auto host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']') && host.size() > 2) host = host.substr(1, host.size() - 2);
  if (host.empty() || host == "*")
    host = "*";
  else if (!parse_ip(host))
    return std::nullopt;
  if (!parse_whole(text.substr(colon + 1), address.port)) return std::nullopt;
  address.host = host;
  return address;
}

std::string check_listen(std::string_view list) {
  return each_item(list, ',', [](std::string_view item) {
    return parse_listen(item) ? std::string()
                              : "names '" + std::string(item) +
                                    "', which is no address; set host:port, [v6]:port or unix:/path, by commas";
  });
}

std::string check_trusted_proxies(std::string_view list) {
  return each_item(list, ',', [](std::string_view item) {
    return item == "none" || item == "all" || parse_ip_block(item)
               ? std::string()
               : "names '" + std::string(item) +
                     "', which is neither an address nor a block; set addresses like 10.0.0.0/8, 'none' or 'all'";
  });
}

std::string check_base_url(std::string_view url) {
  constexpr std::string_view kRemedy = "; set what people type, for example https://your-domain.com";
  auto lower = ascii_lower(url.substr(0, 8));
  auto rest = lower.starts_with("https://")  ? url.substr(8)
              : lower.starts_with("http://") ? url.substr(7)
                                             : std::string_view();
  std::string wrong;
  if (rest.empty() || rest.front() == '/' || rest.front() == ':')
    wrong = "is not an absolute http or https address";
  else if (rest.find_first_of("?#") != std::string_view::npos)
    wrong = "has a query or a fragment";
  else if (rest.substr(0, rest.find('/')).find('@') != std::string_view::npos)
    wrong = "carries a user name";
  else if (std::any_of(rest.begin(), rest.end(), [](char c) { return static_cast<unsigned char>(c) <= ' '; }))
    wrong = "has blanks in it";
  return wrong.empty() ? wrong : wrong.append(kRemedy);
}

std::string check_old_secrets(std::string_view list) {
  return std::count(list.begin(), list.end(), '|') > 3 ? "names more than four secrets; keep the latest four"
                                                       : std::string();
}

std::string check_admin_token(std::string_view token) {
  return token.size() < 16 ? "is shorter than 16 characters; 'tollgate secret' makes a good one" : std::string();
}

std::optional<UserAndGroup> parse_user_and_group(std::string_view text) {
  UserAndGroup who;
  auto colon = text.find(':');
  if (colon == std::string_view::npos || !parse_whole(text.substr(0, colon), who.user) ||
      !parse_whole(text.substr(colon + 1), who.group) || who.user == 0 || who.group == 0)
    return std::nullopt;
  return who;
}

std::string check_user_and_group(std::string_view text) {
  return parse_user_and_group(text) ? std::string() : "is no user and group; set two numbers above 0, as 10001:10001";
}

std::string weakness_of_secret(std::string_view secret) {
  constexpr std::array kExamples = {"random_string",
                                    "your_session_secret",
                                    "your_unique_session_secret",
                                    "your_unique_crypto_secret",
                                    "your_crypto_secret",
                                    "changeme",
                                    "change-me",
                                    "secret",
                                    "password",
                                    "123456",
                                    "session_secret",
                                    "crypto_secret"};
  auto lower = ascii_lower(secret);
  if (std::find(kExamples.begin(), kExamples.end(), lower) != kExamples.end()) return "is an example value";
  return secret.size() < 16 ? "is shorter than 16 bytes" : std::string();
}

}  // namespace tollgate::core
