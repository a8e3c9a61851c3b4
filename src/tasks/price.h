// What a task costs: a price a call times the group's ratio times what the request asks for (docs/tasks.md).
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "billing/price_book.h"
#include "core/types.h"

namespace tollgate::tasks {

// A number that a request multiplies its price by, such as its seconds.
struct ExtraRatio {
  std::string name;
  double value = 1;
};

struct TaskPrice {
  double model_price = 0;  // dollars a call
  double group_ratio = 1;
  double user_group_ratio = -1;  // the special ratio of (user's group, using group), -1 without
  core::Quota quota;             // cut to whole units
};

struct PriceQuestion {
  std::string_view model;
  std::string_view user_group;
  std::string_view using_group;
  // Of a model that neither the options nor the built-in table know: units a call, or dollars.
  std::int64_t unknown_units = 0;
  double unknown_price = 0;
  std::span<const ExtraRatio> ratios = {};
};

// In decimals: no binary fraction enters the amount.
TaskPrice price_of(const billing::PriceBook& prices, const PriceQuestion& question);

// What the consume row says of it: content behind the action, and the member `other`.
std::string ratios_text(std::span<const ExtraRatio> ratios);
std::string price_json(const TaskPrice& price, std::string_view request_path);

}  // namespace tollgate::tasks
