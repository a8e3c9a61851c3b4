// What a value must look like beyond its type: addresses, proxies, URLs, secrets. Each check answers "" for a good
// value, else "what is wrong; what to do". Values of secrets are never part of an answer.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tollgate::core {

std::string check_listen(std::string_view list);           // host:port, [v6]:port, unix:/path[?mode=0660], by ','
std::string check_trusted_proxies(std::string_view list);  // addresses and CIDR blocks by ',', or 'none', 'all'
std::string check_base_url(std::string_view url);          // absolute http(s) without query, fragment or user
std::string check_old_secrets(std::string_view list);      // at most four, by '|'
std::string check_admin_token(std::string_view token);
std::string check_user_and_group(std::string_view text);

// A place to listen at. `host` is empty for a unix socket.
struct ListenAddress {
  std::string host;  // an IP address; "*" for all
  std::uint16_t port = 0;
  std::string path;
  unsigned mode = 0600;  // of the socket's file
};
std::optional<ListenAddress> parse_listen(std::string_view text);

// "10001:10001", both above 0.
struct UserAndGroup {
  std::uint32_t user = 0, group = 0;
};
std::optional<UserAndGroup> parse_user_and_group(std::string_view text);

// Whether a secret is one that stands in a guide or an example file, or is too short to be one: "" when it is neither.
std::string weakness_of_secret(std::string_view secret);

}  // namespace tollgate::core
