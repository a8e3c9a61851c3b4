#include "core/json_text.h"

#include <algorithm>
#include <charconv>

namespace tollgate::core {
namespace {

// Length of the UTF-8 character at the start, 0 when there is none.
std::size_t utf8_length(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  auto first = byte(0);
  if (first < 0x80) return 1;
  std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (length == 0 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  if (first == 0xE0 && byte(1) < 0xA0) return 0;
  if (first == 0xED && byte(1) > 0x9F) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

// The code unit of a \\uXXXX at the start, -1 when there is none.
int code_unit(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return -1;
  unsigned unit = 0;
  auto [end, error] = std::from_chars(text.data() + 2, text.data() + 6, unit, 16);
  return error == std::errc() && end == text.data() + 6 ? static_cast<int>(unit) : -1;
}

void put_code(JsonCharacter& out, unsigned code) {
  auto put = [&](unsigned byte) { out.bytes[out.count++] = static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  out.push_back('"');
  while (!text.empty()) {
    auto length = utf8_length(text);
    if (length == 0) {
      out += "\\ufffd";
      text.remove_prefix(1);
      continue;
    }
    auto c = static_cast<unsigned char>(text[0]);
    if (length > 1) {
      auto part = text.substr(0, length);
      // Line separators end lines in JavaScript.
      if (part == "\xE2\x80\xA8") {
        out += "\\u2028";
      } else if (part == "\xE2\x80\xA9") {
        out += "\\u2029";
      } else {
        out += part;
      }
    } else if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || c == '<' || c == '>' || c == '&') {
      out += "\\u00";
      out.push_back(hex[c >> 4]);
      out.push_back(hex[c & 15]);
    } else {
      out.push_back(static_cast<char>(c));
    }
    text.remove_prefix(length);
  }
  out.push_back('"');
}

std::string json_string(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  append_json_string(out, text);
  return out;
}

JsonCharacter next_json_character(std::string_view body) {
  JsonCharacter out;
  if (body[0] != '\\') {
    out.size = out.count = std::max<std::size_t>(utf8_length(body), 1);
    body.copy(out.bytes, out.count);
    return out;
  }
  auto unit = code_unit(body);
  if (unit >= 0) {
    out.size = 6;
    auto code = static_cast<unsigned>(unit);
    if (code >= 0xD800 && code <= 0xDFFF) {
      auto low = code < 0xDC00 ? code_unit(body.substr(6)) : -1;
      bool pair = low >= 0xDC00 && low <= 0xDFFF;
      if (pair) out.size = 12;
      code = pair ? 0x10000 + ((code - 0xD800) << 10) + (static_cast<unsigned>(low) - 0xDC00) : 0xFFFD;
    }
    put_code(out, code);
    return out;
  }
  out.size = std::min<std::size_t>(body.size(), 2);
  out.count = 1;
  switch (char c = body[out.size - 1]) {
    case 'n': out.bytes[0] = '\n'; break;
    case 't': out.bytes[0] = '\t'; break;
    case 'r': out.bytes[0] = '\r'; break;
    case 'b': out.bytes[0] = '\b'; break;
    case 'f': out.bytes[0] = '\f'; break;
    default: out.bytes[0] = c;
  }
  return out;
}

std::string decode_json_string(std::string_view quoted) {
  auto body = quoted.size() < 2 ? std::string_view() : quoted.substr(1, quoted.size() - 2);
  std::string out;
  out.reserve(body.size());
  while (!body.empty()) {
    auto plain = std::min(body.find('\\'), body.size());
    out += body.substr(0, plain);
    body.remove_prefix(plain);
    if (body.empty()) break;
    auto character = next_json_character(body);
    out.append(character.bytes, character.count);
    body.remove_prefix(character.size);
  }
  return out;
}

}  // namespace tollgate::core
