#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tollgate::mock {

struct FormPart {
  std::string name, file_name, type, bytes;
  bool is_file = false;
};

// The parts of a multipart/form-data body, read by other code than the gateway's. Returns the empty text, or what is
// wrong with it: whatever is not exactly as RFC 7578 has it.
std::string read_form(std::string_view content_type, std::string_view body, std::vector<FormPart>& parts);

// As `GET /_mock/requests` shows them: a JSON array, long parts without their bytes.
std::string form_json(const std::vector<FormPart>& parts);

// The text of the field, or of its last one; empty when there is none.
std::string_view field(const std::vector<FormPart>& parts, std::string_view name);

}  // namespace tollgate::mock
