// From token counts and a price to quota: the formulas, rounded once at the end, and what a log row says about them.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "billing/price_book.h"
#include "billing/usage.h"
#include "core/types.h"

namespace tollgate::billing {

// Which rule prices a request; the route chooses, with formula_for_chat() for chat and completions.
enum class Formula {
  kDecimal,   // exact decimals, rounded half away from zero: chat, embeddings, responses, images, rerank, gemini
  kMessages,  // doubles, truncated, prompt without cached tokens: Anthropic Messages
  kAudio,     // text and audio tokens priced apart: audio models
  kRealtime,  // the same for the sum of a realtime session; its log row says so
};

// Calls of provider-side tools that cost extra (only kDecimal charges them).
struct ToolCalls {
  std::int64_t web_search =
      0;  // Responses: calls of a declared web search; chat models ending "search-preview" pay one
  std::string_view web_search_context = "medium";
  std::int64_t file_search = 0;
  std::int64_t claude_web_search = 0;  // shown in the log row, not charged
  bool image_generation = false;       // an image_generation_call stands in the output
  std::string_view image_quality = {};
  std::string_view image_size = {};
};

struct ChargeInput {
  Formula formula = Formula::kDecimal;
  Usage usage = {};               // what is billed: reported, or counted by us
  std::string_view model = {};    // the name the client asked for
  bool claude_semantics = false;  // prompt_tokens exclude cached ones (answers read by the Anthropic dialect)
  bool responses = false;         // the route is /v1/responses
  ToolCalls tools = {};
  std::span<const std::pair<std::string, double>> extra_ratios = {};  // factors that image adaptors set
  bool openrouter = false;                                            // kMessages: prompt_tokens include cached ones
  std::optional<double> reported_cost = {};  // kMessages on OpenRouter: dollars, tells the cache writes
};

// The amount and everything the log row needs to explain it.
struct Charge {
  core::Quota quota;
  std::int64_t prompt_tokens = 0;      // for the log columns
  std::int64_t completion_tokens = 0;  // for the log columns
  std::string content;                 // the row's text, fragments joined
  std::string other;                   // JSON members without braces: "model_ratio":1.25,"group_ratio":1,…
};

Formula formula_for_chat(const Usage& usage, const Price& price);
Formula formula_for_responses(std::string_view model);

// Never negative. kDecimal: at least 1 where tokens were used and model and group ratio are not 0. Without tokens
// (kAudio: with a reported total of 0) nothing. `content` and `other` are filled in; fragments and members of the
// caller's own go beside them.
// Without `texts` content and other stay empty: nobody keeps a log row.
Charge charge(const ChargeInput& input, const Price& price, bool texts = true);
// The amount alone, without the texts: what a request cost so far.
core::Quota charge_amount(const ChargeInput& input, const Price& price);

// What an account must have for a request to be let through. Tokens: estimate of the prompt, and the output limit that
// the request states (0 without), both at the price of input. 0 for price.free.
core::Quota reservation(const Price& price, std::int64_t estimated_tokens, std::int64_t max_output_tokens);
// What is set aside for it where the account has as much: output at its own price, so that an answer within its limit
// overdraws nothing (docs/balances.md, I3). Never less than reservation().
core::Quota worst_case(const Price& price, std::int64_t estimated_tokens, std::int64_t max_output_tokens);

// {"input":10,"cache_read":2,…}: the member kinds of a log row; zero ones are left out.
std::string kinds_json(const Kinds& kinds);

// A double as Go's encoding/json prints it: shortest digits, an exponent below 1e-6 and from 1e21 on.
void append_json_number(std::string& out, double value);

}  // namespace tollgate::billing
