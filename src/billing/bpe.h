// Byte-pair encodings cl100k_base and o200k_base, ordinary text only: special tokens are text like any other.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tollgate::billing {

enum class Encoding { kCl100k, kO200k };

// The encoding of this model name, nullopt when the model is counted by weights (token_estimate.h).
std::optional<Encoding> encoding_of(std::string_view model);

// Thread-safe. The first call of an encoding builds its table (some milliseconds): load_encoding() does that ahead.
// Bytes that are no UTF-8 count as U+FFFD.
std::int64_t count_bpe_tokens(Encoding encoding, std::string_view text);
std::vector<std::uint32_t> encode_bpe(Encoding encoding, std::string_view text);
void load_encoding(Encoding encoding);

}  // namespace tollgate::billing
