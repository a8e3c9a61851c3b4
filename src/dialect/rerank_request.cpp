// POST /v1/rerank as Jina has it: a query and documents, each a text or an object.
#include "dialect/go_text.h"
#include "dialect/request_readers.h"

namespace tollgate::dialect {

namespace dom = simdjson::dom;

core::Result<OpenAiRequest> read_rerank_request(const dom::object& body) {
  OpenAiRequest request;
  bool has_query = false;
  bool has_documents = false;
  auto read = each_request_member(body, request, [&](std::string_view key, const dom::element& value) {
    if (key == "query") {
      has_query = !string_member(request, key, value).empty();
    } else if (key == "documents") {
      dom::array list;
      if (value.get_array().get(list) == simdjson::SUCCESS)
        has_documents = list.size() > 0;
      else
        broken(request, "documents must be an array");
    }
  });
  if (!read) return read.error();
  if (!has_query) broken(request, "query is empty");
  if (!has_documents) broken(request, "documents is empty");
  return request;
}

void visit_rerank_prompt(const dom::object& body, const TextVisitor& text) {
  dom::array documents;
  if (body["documents"].get_array().get(documents) == simdjson::SUCCESS) {
    for (auto document : documents) {
      std::string printed;
      append_go_text(document, printed);
      text(printed);
    }
  }
  if (auto query = text_of(body["query"])) text(*query);
}

}  // namespace tollgate::dialect
