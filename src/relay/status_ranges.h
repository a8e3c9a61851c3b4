// Sets of HTTP statuses as options write them.
#pragma once
#include <string_view>
#include <utility>
#include <vector>

namespace tollgate::relay {

// "401,500-503": codes and ranges separated by commas of either width, blanks ignored. One part that is neither makes
// the whole set empty; so does an empty text.
class StatusRanges {
 public:
  StatusRanges() = default;
  explicit StatusRanges(std::string_view text);
  bool contains(int status) const;

 private:
  std::vector<std::pair<int, int>> ranges_;
};

}  // namespace tollgate::relay
