#include "core/default_prices.h"

#include <algorithm>
#include <iterator>

namespace tollgate::core {

namespace {

struct Table {
  std::string_view key, json;
};

constexpr Table kTables[] = {
#define TABLE(key, json) {key, json},
#include "core/default_prices.inc"
#undef TABLE
};

}  // namespace

std::string_view default_price_table(std::string_view option_key) {
  const auto* found = std::ranges::find(kTables, option_key, &Table::key);
  return found == std::end(kTables) ? std::string_view{} : found->json;
}

}  // namespace tollgate::core
