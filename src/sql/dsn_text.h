// Pieces that the grammars of connection strings share. Private to this folder.
#pragma once
#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/percent.h"
#include "core/result.h"

namespace tollgate::sql::dsn {

inline core::Error wrong(std::string message) { return core::error(core::Errc::kInvalid, std::move(message)); }

inline std::string decoded(std::string_view text) { return core::percent_decoded(text, core::Plus::kStays); }

inline std::optional<std::uint16_t> port_of(std::string_view text) {
  unsigned port = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (ec != std::errc() || end != text.data() + text.size() || port == 0 || port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

inline constexpr const char* kPortRange = "port out of range: a number from 1 to 65535 is expected after the host";

// name=value pairs of a query, the values still encoded. A pair without '=' has no value and is left out.
inline std::vector<std::pair<std::string_view, std::string_view>> query_pairs(std::string_view query) {
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  while (!query.empty()) {
    auto end = query.find('&');
    auto item = query.substr(0, end);
    if (auto equals = item.find('='); equals != std::string_view::npos && equals > 0)
      pairs.emplace_back(item.substr(0, equals), item.substr(equals + 1));
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
  }
  return pairs;
}

inline bool only(std::string_view text, std::string_view more) {
  return std::all_of(text.begin(), text.end(), [more](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           more.find(c) != std::string_view::npos;
  });
}

}  // namespace tollgate::sql::dsn
