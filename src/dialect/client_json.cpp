#include "dialect/client_json.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <memory>

#include "core/json_edit.h"

namespace tollgate::dialect {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kKeptParser = 1U << 20U;

std::unique_ptr<dom::parser>& thread_parser() {
  thread_local std::unique_ptr<dom::parser> parser;
  return parser;
}

simdjson::error_code parse(std::string_view text, dom::element& document) {
  auto& parser = thread_parser();
  if (!parser) {
    parser = std::make_unique<dom::parser>();
    if (auto failure = parser->allocate(4096, kMostLevels)) return failure;
  }
  return parser->parse(text.data(), text.size(), false).get(document);
}

bool is_number_character(char c) {
  return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E';
}

// Calls visit(begin, end) for each run of number characters outside strings until it returns false.
template <class Visit>
void each_number(std::string_view text, Visit visit) {
  bool in_string = false;
  for (std::size_t at = 0; at < text.size();) {
    if (in_string) {
      if (text[at] == '"') in_string = false;
      at += text[at] == '\\' ? 2 : 1;
    } else if (text[at] == '-' || (text[at] >= '0' && text[at] <= '9')) {
      auto begin = at;
      while (at < text.size() && is_number_character(text[at])) ++at;
      if (!visit(begin, at)) return;
    } else {
      in_string = text[at] == '"';
      ++at;
    }
  }
}

// A longer number covers a byte at a multiple of the limit: looking at those is enough to know that there is none.
bool may_have_long_number(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); at += kLongestNumber) {
    if (!is_number_character(text[at])) continue;
    auto begin = at;
    auto end = at;
    while (begin > 0 && is_number_character(text[begin - 1])) --begin;
    while (end < text.size() && is_number_character(text[end])) ++end;
    if (end - begin > kLongestNumber) return true;
    at = end / kLongestNumber * kLongestNumber;
  }
  return false;
}

bool has_long_number(std::string_view text) {
  if (!may_have_long_number(text)) return false;
  bool found = false;
  each_number(text, [&](std::size_t begin, std::size_t end) {
    found = end - begin > kLongestNumber;
    return !found;
  });
  return found;
}

// Counts members and looks at their names; false when a limit is passed. As deep as the parser allows.
bool within_limits(const dom::element& value, std::size_t& members, std::string& fault) {
  dom::array array;
  if (value.get_array().get(array) == simdjson::SUCCESS) {
    for (auto element : array)
      if ((element.is_object() || element.is_array()) && !within_limits(element, members, fault)) return false;
    return true;
  }
  dom::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return true;
  for (auto [name, member] : object) {
    if (++members > kMostMembers) {
      fault = "the body has more than " + std::to_string(kMostMembers) + " members";
      return false;
    }
    if (name.size() > kLongestName) {
      fault = "a member name of the body is longer than " + std::to_string(kLongestName) + " bytes";
      return false;
    }
    if ((member.is_object() || member.is_array()) && !within_limits(member, members, fault)) return false;
  }
  return true;
}

// The code unit of a \uXXXX at `at`, -1 when there is none.
int code_unit(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  int unit = 0;
  auto [end, error] = std::from_chars(text.data() + at + 2, text.data() + at + 6, unit, 16);
  return error == std::errc() && end == text.data() + at + 6 ? unit : -1;
}

// Appends the string that begins at `at` with U+FFFD for unpaired surrogates, and returns where it ends.
std::size_t copy_string(std::string_view text, std::size_t at, std::string& out, bool& unpaired) {
  out += text[at++];
  while (at < text.size()) {
    if (text[at] == '"') {
      out += text[at];
      return at + 1;
    }
    if (text[at] != '\\') {
      out += text[at++];
      continue;
    }
    auto unit = code_unit(text, at);
    if (unit < 0xD800 || unit > 0xDFFF) {
      out += text.substr(at, 2);
      at += 2;
      continue;
    }
    auto next = unit < 0xDC00 ? code_unit(text, at + 6) : -1;
    if (next >= 0xDC00 && next <= 0xDFFF) {
      out += text.substr(at, 12);
      at += 12;
    } else {
      unpaired = true;
      out += "\\ufffd";
      at += 6;
    }
  }
  return at;
}

// A number that the parser takes: beyond 64 bits as a double, beyond that as the largest one. Still a number, so that
// a member that must be something else is refused as with any other.
void append_number(std::string_view number, std::string& out) {
  if (std::isinf(std::strtod(std::string(number).c_str(), nullptr))) {
    if (number[0] == '-') out += '-';
    out += "1.7976931348623157e308";
    return;
  }
  out += number;
  if (number.size() > 17 && number.find_first_of(".eE") == std::string_view::npos) out += "e0";
}

// A copy of a valid text that the parser takes: no number beyond its types, no unpaired surrogates.
std::string readable_copy(std::string_view text, std::string& fault) {
  std::string out;
  out.reserve(text.size() + 256);
  for (std::size_t at = 0; at < text.size();) {
    char c = text[at];
    if (c == '"') {
      bool unpaired = false;
      at = copy_string(text, at, out, unpaired);
      auto next = text.find_first_not_of(" \t\r\n", at);
      if (unpaired && next != std::string_view::npos && text[next] == ':')
        fault = "a member name of the body has an unpaired surrogate";
    } else if (c == '-' || (c >= '0' && c <= '9')) {
      auto begin = at;
      while (at < text.size() && is_number_character(text[at])) ++at;
      append_number(text.substr(begin, at - begin), out);
    } else {
      out += c;
      ++at;
    }
  }
  return out;
}

}  // namespace

ClientJson::ClientJson(std::string_view body) {
  dom::element document;
  auto failure = parse(body, document);
  if ((failure == simdjson::NUMBER_ERROR || failure == simdjson::STRING_ERROR) &&
      core::is_valid_json(body, kMostLevels)) {
    copy_ = readable_copy(body, fault_);
    if (!fault_.empty()) return;
    auto size = copy_.size();
    copy_.append(simdjson::SIMDJSON_PADDING, '\0');
    failure = parse({copy_.data(), size}, document);
  }
  switch (failure) {
    case simdjson::SUCCESS: break;
    case simdjson::EMPTY: fault_ = "unexpected end of JSON input"; return;
    case simdjson::UTF8_ERROR: fault_ = "the body is not UTF-8"; return;
    case simdjson::DEPTH_ERROR:
      fault_ = "the body is nested more than " + std::to_string(kMostLevels) + " levels deep";
      return;
    default: fault_ = "the body is not valid JSON"; return;
  }
  if (document.get_object().get(object_) != simdjson::SUCCESS) {
    fault_ = "the body must be a JSON object";
    return;
  }
  if (has_long_number(body)) {
    fault_ = "a number of the body is longer than " + std::to_string(kLongestNumber) + " characters";
    return;
  }
  // A shorter body has room for neither.
  std::size_t members = 0;
  if (body.size() > kLongestName) within_limits(document, members, fault_);
}

ClientJson::~ClientJson() {
  // One that grew over a large body is not kept.
  auto& parser = thread_parser();
  if (parser && parser->capacity() > kKeptParser) parser.reset();
}

}  // namespace tollgate::dialect
