#include "net/multipart_reader.h"

#include <simdjson.h>

#include <algorithm>
#include <optional>

#include "core/percent.h"
#include "net/http_head.h"

namespace tollgate::net {
namespace {

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }
constexpr bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_alphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

// The parameters of a header value, behind its first word. next() gives them in turn; bad() tells why it stopped.
class Parameters {
 public:
  explicit Parameters(std::string_view text) : rest_(text) {}
  bool bad() const { return bad_; }

  bool next() {
    rest_ = trim(rest_);
    if (rest_.empty()) return false;
    if (rest_.front() != ';') return stop();
    rest_ = trim(rest_.substr(1));
    if (rest_.empty()) return false;
    const auto equals = rest_.find('=');
    if (equals == std::string_view::npos || !is_token(rest_.substr(0, equals))) return stop();
    name = rest_.substr(0, equals);
    rest_.remove_prefix(equals + 1);
    return rest_.starts_with('"') ? take_quoted() : take_bare();
  }

  std::string_view name;
  std::string value;

 private:
  bool stop() {
    bad_ = true;
    return false;
  }
  // Backslashes escape quotes and themselves only: others are those of a Windows path.
  bool take_quoted() {
    value.clear();
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return true;
      }
      if (rest_[i] == '\\' && i + 1 < rest_.size() && (rest_[i + 1] == '"' || rest_[i + 1] == '\\')) ++i;
      value.push_back(rest_[i]);
    }
    return stop();
  }
  bool take_bare() {
    const auto end = std::min(rest_.find(';'), rest_.size());
    value = trim(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return (!value.empty() && value.find_first_of(" \t\"\\") == std::string::npos) || stop();
  }

  std::string_view rest_;
  bool bad_ = false;
};

// RFC 8187: charset'language'percent-encoded, of which only UTF-8 is spoken today.
std::optional<std::string> extended_value(std::string_view text) {
  const auto first = text.find('\'');
  const auto second = first == std::string_view::npos ? first : text.find('\'', first + 1);
  if (second == std::string_view::npos || !equals_ignoring_case(text.substr(0, first), "utf-8")) return std::nullopt;
  return core::percent_decoded(text.substr(second + 1), core::Plus::kStays);
}

}  // namespace

bool is_form_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxFormName && is_utf8(name) &&
         std::ranges::none_of(name, [](char c) { return is_control(c) || c == '"' || c == '\\'; });
}

bool is_part_content_type(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7F; }) &&
         !equals_ignoring_case(text.substr(0, 9), "multipart");
}

std::string safe_file_name(std::string_view name) {
  const auto slash = name.find_last_of("/\\");
  std::string safe(slash == std::string_view::npos ? name : name.substr(slash + 1));
  std::erase_if(safe, [](char c) { return is_control(c) || c == '"'; });
  if (is_utf8(safe)) {
    // U+0080 to U+009F, controls too.
    for (std::size_t at = 0; (at = safe.find('\xC2', at)) != std::string::npos;) {
      if (static_cast<unsigned char>(safe[at + 1]) < 0xA0) {
        safe.erase(at, 2);
      } else {
        ++at;
      }
    }
  } else {
    std::ranges::replace_if(safe, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '_');
  }
  if (safe.empty() || safe == "." || safe == "..") return "file";
  return safe;
}

bool is_form(std::string_view content_type) {
  return equals_ignoring_case(trim(content_type.substr(0, content_type.find(';'))), "multipart/form-data");
}

core::Result<std::string> form_boundary(std::string_view content_type) {
  auto invalid = [](const char* why) { return core::error(core::Errc::kInvalid, why); };
  if (!is_form(content_type)) return invalid("the content type is not multipart/form-data");
  Parameters parameters(content_type.substr(std::min(content_type.find(';'), content_type.size())));
  std::string boundary;
  while (parameters.next()) {
    if (!equals_ignoring_case(parameters.name, "boundary")) continue;
    if (!boundary.empty()) return invalid("the content type names two boundaries");
    boundary = parameters.value;
    const bool spelled = std::ranges::all_of(boundary, [](char c) {
      return is_alphanumeric(c) || std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
    });
    if (boundary.empty() || boundary.size() > 70 || boundary.back() == ' ' || !spelled)
      return invalid("the boundary is not 1 to 70 characters of RFC 2046");
  }
  if (parameters.bad()) return invalid("the content type's parameters cannot be read");
  if (boundary.empty()) return invalid("the content type names no boundary");
  return boundary;
}

// The form begins as if behind a line end: its first delimiter needs none before it.
MultipartReader::MultipartReader(std::string_view boundary)
    : delimiter_("\r\n--" + std::string(boundary)), matched_(2), implied_(2) {}

void MultipartReader::feed(std::string_view bytes) { input_ = bytes; }

FormEvent MultipartReader::refuse(const char* why) {
  state_ = State::kRefused;
  refusal_ = why;
  return FormEvent::kRefused;
}

FormEvent MultipartReader::next() {
  for (;;) {
    switch (state_) {
      case State::kBytes: {
        std::string_view found;
        if (search(found)) {
          if (!in_part_ || found.empty()) break;
          part_bytes_ += found.size();
          if (!part_.is_file && part_bytes_ > value_limit_) return refuse("a form value is longer than 1 MiB");
          bytes_ = found;
          return FormEvent::kBytes;
        }
        if (state_ == State::kBytes) return FormEvent::kMore;
        if (!in_part_) break;
        in_part_ = false;
        return FormEvent::kPartEnd;
      }
      case State::kHead: {
        std::string_view line;
        if (!take_line(line)) return refusal_ ? FormEvent::kRefused : FormEvent::kMore;
        if (!line.empty()) {
          if (!handle_header(line)) return FormEvent::kRefused;
          carry_.clear();
          break;
        }
        carry_.clear();
        if (!has_disposition_) return refuse("a part of the form has no Content-Disposition");
        begin_bytes();
        return FormEvent::kPart;
      }
      case State::kDone: input_ = {}; return FormEvent::kEnd;
      case State::kRefused: return FormEvent::kRefused;
      default:
        if (!pass_delimiter_end()) return refusal_ ? FormEvent::kRefused : FormEvent::kMore;
    }
  }
}

const char* MultipartReader::finish() {
  if (state_ != State::kDone && !refusal_) refuse("the form ends before its closing boundary");
  return refusal_;
}

// A CR stands nowhere in the delimiter but at its start. So a match that failed has no second chance inside itself, and
// what was held back of it is a prefix of the delimiter that needs no copy.
bool MultipartReader::search(std::string_view& found) {
  const std::string_view delimiter = delimiter_;
  if (matched_ > 0) {
    const auto wanted = delimiter.substr(matched_);
    const auto here = input_.substr(0, wanted.size());
    if (wanted.starts_with(here)) {
      matched_ += here.size();
      input_.remove_prefix(here.size());
      if (matched_ == delimiter.size()) state_ = State::kBehindDelimiter;
      return false;
    }
    found = delimiter.substr(implied_, matched_ - implied_);
    matched_ = implied_ = 0;
    return true;
  }
  const auto at = input_.find(delimiter);
  if (at != std::string_view::npos) {
    found = input_.substr(0, at);
    input_.remove_prefix(at);
    matched_ = 0;
    if (!found.empty()) return true;
    input_.remove_prefix(delimiter.size());
    state_ = State::kBehindDelimiter;
    return false;
  }
  found = input_;
  input_ = {};
  const auto cr = found.rfind('\r');
  if (cr != std::string_view::npos && delimiter.starts_with(found.substr(cr))) {
    matched_ = found.size() - cr;
    found.remove_suffix(matched_);
  }
  return !found.empty();
}

// "--" ends the form; blanks and a line end begin a part (RFC 2046 §5.1.1). Anything else would be a line that one
// program takes for a delimiter and another for a part's bytes.
bool MultipartReader::pass_delimiter_end() {
  while (!input_.empty()) {
    const char c = input_.front();
    input_.remove_prefix(1);
    switch (state_) {
      case State::kBehindDelimiter:
        if (c == '-') {
          state_ = State::kDash;
          continue;
        }
        [[fallthrough]];
      case State::kPadding:
        if (is_blank(c)) {
          state_ = State::kPadding;
          continue;
        }
        if (c == '\r') {
          state_ = State::kLineEnd;
          continue;
        }
        break;
      case State::kDash:
        if (c != '-') break;
        state_ = State::kDone;
        return true;
      case State::kLineEnd:
        if (c != '\n') break;
        return begin_part();
      default: break;
    }
    refuse("a boundary of the form does not end its line");
    return false;
  }
  return false;
}

bool MultipartReader::begin_part() {
  if (++parts_ > kMaxFormParts) {
    refuse("the form has more than 64 parts");
    return false;
  }
  part_ = {};
  head_bytes_ = headers_ = 0;
  has_disposition_ = has_content_type_ = false;
  state_ = State::kHead;
  return true;
}

// An empty part may end with the line end that ended its head.
void MultipartReader::begin_bytes() {
  in_part_ = true;
  part_bytes_ = 0;
  value_limit_ = kMaxFormValue;
  matched_ = implied_ = 2;
  state_ = State::kBytes;
}

bool MultipartReader::take_line(std::string_view& line) {
  const auto lf = input_.substr(0, kMaxPartHead).find('\n');
  const auto length = lf == std::string_view::npos ? input_.size() : lf + 1;
  head_bytes_ += length;
  if (head_bytes_ > kMaxPartHead) {
    refuse("the head of a form part is longer than 8 KiB");
    return false;
  }
  line = input_.substr(0, length);
  input_.remove_prefix(length);
  if (lf == std::string_view::npos || !carry_.empty()) {
    carry_.append(line);
    line = carry_;
  }
  if (lf == std::string_view::npos) return false;
  line.remove_suffix(1);
  // Behind the last CR nothing; before it neither CR nor NUL.
  if (!line.ends_with('\r') || line.find_first_of(std::string_view("\r\0", 2)) != line.size() - 1) {
    refuse("a bad line end in the head of a form part");
    return false;
  }
  line.remove_suffix(1);
  return true;
}

bool MultipartReader::handle_header(std::string_view line) {
  auto refused = [&](const char* why) {
    refuse(why);
    return false;
  };
  if (++headers_ > kMaxPartHeaders) return refused("a form part has more than 16 header fields");
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return refused("a bad header field in a form part");
  const auto name = line.substr(0, colon);
  const auto value = trim(line.substr(colon + 1));
  if (equals_ignoring_case(name, "content-disposition")) {
    if (has_disposition_) return refused("a form part has two Content-Dispositions");
    has_disposition_ = true;
    return handle_disposition(value);
  }
  if (equals_ignoring_case(name, "content-type")) {
    if (has_content_type_) return refused("a form part has two Content-Types");
    has_content_type_ = true;
    if (!is_part_content_type(value)) return refused("a form part has a bad content type, or is a multipart itself");
    part_.content_type = value;
  } else if (equals_ignoring_case(name, "content-transfer-encoding")) {
    // These three change nothing; others would have to be undone (RFC 7578 §4.7).
    if (!equals_ignoring_case(value, "binary") && !equals_ignoring_case(value, "8bit") &&
        !equals_ignoring_case(value, "7bit"))
      return refused("a form part has a transfer encoding");
  }
  return true;
}

bool MultipartReader::handle_disposition(std::string_view value) {
  auto refused = [&](const char* why) {
    refuse(why);
    return false;
  };
  const auto type_end = std::min(value.find(';'), value.size());
  if (!equals_ignoring_case(trim(value.substr(0, type_end)), "form-data"))
    return refused("the Content-Disposition of a form part is not form-data");
  std::optional<std::string> name, file_name, extended;
  for (Parameters parameters(value.substr(type_end));;) {
    if (!parameters.next()) {
      if (parameters.bad()) return refused("the Content-Disposition of a form part cannot be read");
      break;
    }
    std::optional<std::string>* place = nullptr;
    if (equals_ignoring_case(parameters.name, "name")) {
      place = &name;
    } else if (equals_ignoring_case(parameters.name, "filename")) {
      place = &file_name;
    } else if (equals_ignoring_case(parameters.name, "filename*")) {
      place = &extended;
    } else if (parameters.name.find('*') != std::string_view::npos) {
      // name* and the continuations of RFC 2231: a second name that only some programs would see.
      return refused("the Content-Disposition of a form part has a parameter with an asterisk");
    } else {
      continue;
    }
    if (*place) return refused("the Content-Disposition of a form part names a parameter twice");
    place->emplace(std::move(parameters.value));
  }
  if (!name || !is_form_name(*name)) return refused("a form part has no usable name");
  part_.name = std::move(*name);
  part_.is_file = file_name || extended;
  if (!part_.is_file) return true;
  if (extended) {
    file_name = extended_value(*extended);
    if (!file_name) return refused("the file name of a form part is not UTF-8''");
  }
  if (file_name->find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
    return refused("the file name of a form part has a line end");
  part_.file_name = safe_file_name(*file_name);
  if (part_.file_name.size() > kMaxFormName) return refused("the file name of a form part is longer than 255 bytes");
  return true;
}

}  // namespace tollgate::net
