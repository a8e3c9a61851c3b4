// The lists an administrator writes for the console's front page: what their JSON must look like. Lengths are bytes.
// Each check returns an empty text or the message for the administrator. An empty value is always fine.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tollgate::api {

std::string check_api_info(std::string_view value);
std::string check_announcements(std::string_view value);
std::string check_faq(std::string_view value);
std::string check_uptime_groups(std::string_view value);

// Unix nanoseconds of an RFC 3339 time; nullopt when it is none.
std::optional<std::int64_t> parse_rfc3339(std::string_view text);

}  // namespace tollgate::api
