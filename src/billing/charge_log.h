// What a log row says about a charge: the texts behind charge(). Internal to billing.
#pragma once
#include <cstdint>
#include <string>

#include "billing/charge.h"
#include "core/decimal.h"

namespace tollgate::billing {

// One thing that is priced apart; absent while count is 0.
struct Surcharge {
  double price = 0;        // dollars: a thousand calls, a million tokens, or one image
  std::int64_t count = 0;  // calls or tokens
  core::Decimal quota;
};

struct ToolSurcharges {
  Surcharge web_search, claude_web_search, file_search, image_generation, audio_input;
};

// `usage` as it was billed.
std::string log_content(const ChargeInput& input, const Usage& usage, const Price& price, const ToolSurcharges& tools);
std::string log_members(const ChargeInput& input, const Usage& usage, const Price& price, const ToolSurcharges& tools);

}  // namespace tollgate::billing
