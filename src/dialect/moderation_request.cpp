// POST /v1/moderations (OpenAI API, Moderations).
#include "dialect/request_readers.h"

namespace tollgate::dialect {

core::Result<OpenAiRequest> read_moderation_request(const simdjson::dom::object& body) {
  OpenAiRequest request;
  bool has_input = false;
  auto read = each_request_member(body, request, [&](std::string_view key, const simdjson::dom::element& value) {
    if (key != "input") return;
    auto text = text_of(value);
    has_input = !text || !text->empty();
  });
  if (!read) return read.error();
  if (!has_input) broken(request, "field input is required");
  return request;
}

}  // namespace tollgate::dialect
