#include "tasks/price.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/decimal.h"
#include "core/json_text.h"

namespace tollgate::tasks {

TaskPrice price_of(const billing::PriceBook& prices, const PriceQuestion& question) {
  static const billing::PriceBook built_in{{}};
  using core::Decimal;
  TaskPrice out;
  out.user_group_ratio = prices.special_group_ratio(question.user_group, question.using_group);
  out.group_ratio = out.user_group_ratio >= 0 ? out.user_group_ratio : prices.group_ratio(question.using_group);
  auto price = prices.call_price(question.model);
  if (!price) price = built_in.call_price(question.model);
  const auto unit = Decimal::from_double(prices.quota_per_unit());
  Decimal amount;
  if (price || question.unknown_units == 0) {
    out.model_price = price.value_or(question.unknown_price);
    amount = Decimal::from_double(out.model_price) * unit;
  } else {
    out.model_price = static_cast<double>(question.unknown_units) / prices.quota_per_unit();
    amount = Decimal(question.unknown_units);
  }
  amount *= Decimal::from_double(out.group_ratio);
  for (const auto& ratio : question.ratios) amount *= Decimal::from_double(ratio.value);
  out.quota.units = std::max<std::int64_t>(amount.truncate(), 0);
  return out;
}

std::string ratios_text(std::span<const ExtraRatio> ratios) {
  std::string out;
  for (const auto& ratio : ratios) {
    if (ratio.value == 1) continue;
    out += fmt::format("{}{}: {:.2f}", out.empty() ? ", 计算参数：" : ", ", ratio.name, ratio.value);
  }
  return out;
}

std::string price_json(const TaskPrice& price, std::string_view request_path) {
  std::string out =
      fmt::format("{{\"group_ratio\":{},\"model_price\":{},\"request_path\":", price.group_ratio, price.model_price);
  core::append_json_string(out, request_path);
  if (price.user_group_ratio >= 0) out += fmt::format(",\"user_group_ratio\":{}", price.user_group_ratio);
  return out + "}";
}

}  // namespace tollgate::tasks
