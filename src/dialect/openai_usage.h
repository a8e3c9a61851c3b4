// The usage object of OpenAI-compatible answers in the spellings that are met.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "billing/usage.h"

namespace tollgate::dialect {

// How a provider counts where it differs from OpenAI.
struct UsageRules {
  bool completion_without_reasoning = false;  // completion_tokens leave out reasoning, the total has it
  bool cached_apart = false;                  // cached_tokens also beside the details, or in choices[].usage
};

// `object` is the JSON text of a usage object with 64 readable bytes behind it or a copy; absent members are 0. nullopt
// when it is no object, or when its figures cannot be (negative, beyond 10^9, not whole, a total below its parts):
// `refused` is set then, and our own count is charged.
std::optional<billing::Usage> read_openai_usage(std::string_view object, bool* refused = nullptr,
                                                UsageRules rules = {});

// The usage object that the gateway writes itself where the upstream sent none.
std::string write_openai_usage(const billing::Usage& usage);

}  // namespace tollgate::dialect
