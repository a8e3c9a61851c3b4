#include "dialect/request_readers.h"

namespace tollgate::dialect {

namespace dom = simdjson::dom;

std::optional<std::int64_t> count_of(OpenAiRequest& request, std::string_view key, const dom::element& value,
                                     std::int64_t most) {
  std::int64_t number = 0;
  if (value.is_uint64()) {
    if (value.get_int64().get(number) != simdjson::SUCCESS) number = most + 1;
  } else if (value.get_int64().get(number) != simdjson::SUCCESS) {
    broken(request, std::string(key) + " must be an integer");
    return std::nullopt;
  }
  if (number >= 0 && number <= most) return number;
  broken(request, std::string(key) + " is invalid");
  return std::nullopt;
}

std::string_view string_member(OpenAiRequest& request, std::string_view key, const dom::element& value) {
  auto text = text_of(value);
  if (!text) broken(request, std::string(key) + " must be a string");
  return text.value_or("");
}

void visit_strings(const dom::element& value, const TextVisitor& text) {
  if (auto whole = text_of(value)) return text(*whole);
  dom::array list;
  if (value.get_array().get(list) != simdjson::SUCCESS) return;
  for (auto element : list)
    if (auto part = text_of(element)) text(*part);
}

}  // namespace tollgate::dialect
