#include "relay/status_ranges.h"

#include <algorithm>
#include <optional>
#include <string>

namespace tollgate::relay {
namespace {

constexpr std::string_view kFullWidthComma = "\xEF\xBC\x8C";

std::optional<int> status(std::string_view text) {
  if (text.size() != 3 || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  int value = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
  return value >= 100 && value <= 599 ? std::optional(value) : std::nullopt;
}

}  // namespace

StatusRanges::StatusRanges(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with(kFullWidthComma)) {
      plain += ',';
      i += kFullWidthComma.size() - 1;
    } else if (std::string_view(" \t\r\n").find(text[i]) == std::string_view::npos) {
      plain += text[i];
    }
  }
  for (std::string_view rest = plain; !rest.empty();) {
    auto part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    if (part.empty()) continue;
    auto dash = part.find('-');
    auto first = status(part.substr(0, dash));
    auto last = dash == std::string_view::npos ? first : status(part.substr(dash + 1));
    if (!first || !last || *last < *first) {
      ranges_.clear();
      return;
    }
    ranges_.emplace_back(*first, *last);
  }
}

bool StatusRanges::contains(int status) const {
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [status](auto range) { return status >= range.first && status <= range.second; });
}

}  // namespace tollgate::relay
