#include "form.h"

#include <openssl/evp.h>

#include <cstdio>

#include "answer.h"

namespace tollgate::mock {
namespace {

constexpr size_t kShown = 64 * 1024;  // bytes of a part

// The parameter of a header: name="value", or without quotes.
bool parameter(std::string_view header, std::string_view name, std::string& value) {
  const std::string mark = "; " + std::string(name) + "=";
  size_t at = header.find(mark);
  if (at == header.npos) return false;
  std::string_view rest = header.substr(at + mark.size());
  if (rest.starts_with('"')) {
    value = rest.substr(1, rest.find('"', 1) - 1);
  } else {
    value = rest.substr(0, rest.find(';'));
  }
  return true;
}

std::string sha256(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    char pair[3];
    std::snprintf(pair, sizeof pair, "%02x", digest[i]);
    hex += pair;
  }
  return hex;
}

std::string read_head(std::string_view head, FormPart& part) {
  bool named = false;
  while (!head.empty()) {
    const size_t end = head.find("\r\n");
    std::string_view line = head.substr(0, end);
    head.remove_prefix(end == head.npos ? head.size() : end + 2);
    constexpr std::string_view kDisposition = "Content-Disposition: form-data";
    constexpr std::string_view kType = "Content-Type: ";
    if (line.starts_with(kDisposition)) {
      named = parameter(line, "name", part.name);
      part.is_file = parameter(line, "filename", part.file_name);
    } else if (line.starts_with(kType)) {
      part.type = line.substr(kType.size());
    } else {
      return "a part has the header " + std::string(line);
    }
  }
  return named ? "" : "a part has no name";
}

}  // namespace

std::string read_form(std::string_view content_type, std::string_view body, std::vector<FormPart>& parts) {
  std::string boundary;
  if (!parameter(content_type, "boundary", boundary)) return "no boundary";
  const std::string delimiter = "\r\n--" + boundary;
  if (!body.starts_with(std::string_view(delimiter).substr(2))) return "the body does not begin with its boundary";
  body.remove_prefix(delimiter.size() - 2);
  while (!body.starts_with("--")) {
    if (!body.starts_with("\r\n")) return "a boundary does not end its line";
    body.remove_prefix(2);
    const size_t head = body.find("\r\n\r\n");
    const size_t end = head == body.npos ? head : body.find(delimiter, head + 2);
    if (end == body.npos) return "a part does not end";
    FormPart part;
    if (auto wrong = read_head(body.substr(0, head), part); !wrong.empty()) return wrong;
    part.bytes = body.substr(head + 4, end - head - 4);
    parts.push_back(std::move(part));
    body.remove_prefix(end + delimiter.size());
  }
  return body == "--\r\n" ? "" : "something stands behind the last boundary";
}

std::string form_json(const std::vector<FormPart>& parts) {
  std::string out = "[";
  for (const FormPart& part : parts) {
    if (out.size() > 1) out += ",";
    out += "{\"name\":" + json_string(part.name);
    if (part.is_file) out += ",\"file\":" + json_string(part.file_name);
    if (!part.type.empty()) out += ",\"type\":" + json_string(part.type);
    out += ",\"size\":" + std::to_string(part.bytes.size()) + ",\"sha256\":\"" + sha256(part.bytes) + "\"";
    if (part.bytes.size() <= kShown)
      out += part.is_file ? ",\"base64\":" + json_string(base64(part.bytes)) : ",\"text\":" + json_string(part.bytes);
    out += "}";
  }
  return out + "]";
}

std::string_view field(const std::vector<FormPart>& parts, std::string_view name) {
  std::string_view text;
  for (const FormPart& part : parts)
    if (part.name == name && !part.is_file) text = part.bytes;
  return text;
}

}  // namespace tollgate::mock
