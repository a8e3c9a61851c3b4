#include "net/http_head.h"

#include <algorithm>
#include <cstring>

namespace tollgate::net {
namespace {

// Character classes of RFC 9110: token characters; bytes that may stand in a field value; bytes of a request target.
constexpr bool is_token_char(unsigned char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  switch (c) {
    case '!':
    case '#':
    case '$':
    case '%':
    case '&':
    case '\'':
    case '*':
    case '+':
    case '-':
    case '.':
    case '^':
    case '_':
    case '`':
    case '|':
    case '~': return true;
    default: return false;
  }
}
constexpr bool is_value_char(unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7F); }
constexpr bool is_target_char(unsigned char c) {
  return c > 0x20 && c < 0x7F && c != '"' && c != '<' && c != '>' && c != '\\' && c != '^' && c != '`' && c != '{' &&
         c != '|' && c != '}' && c != '#';
}

template <bool (*Allowed)(unsigned char)>
constexpr std::array<bool, 256> table_of() {
  std::array<bool, 256> table{};
  for (int c = 0; c < 256; ++c) table[static_cast<std::size_t>(c)] = Allowed(static_cast<unsigned char>(c));
  return table;
}
constexpr auto kToken = table_of<is_token_char>();
constexpr auto kValue = table_of<is_value_char>();
constexpr auto kTarget = table_of<is_target_char>();

bool all_of(std::string_view text, const std::array<bool, 256>& table) {
  return std::all_of(text.begin(), text.end(), [&](char c) { return table[static_cast<unsigned char>(c)]; });
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes the next line off `rest`, which ends with CR LF. False on a bare LF or CR.
bool take_line(std::string_view& rest, std::string_view& line) {
  auto end = rest.find('\n');
  if (end == std::string_view::npos || end == 0 || rest[end - 1] != '\r') return false;
  line = rest.substr(0, end - 1);
  rest.remove_prefix(end + 1);
  return true;
}

enum class FieldFault { kNone, kSyntax, kTooMany };

FieldFault parse_fields(std::string_view rest, HeaderList& headers) {
  headers.clear();
  std::string_view line;
  for (;;) {
    if (!take_line(rest, line)) return FieldFault::kSyntax;
    if (line.empty()) return rest.empty() ? FieldFault::kNone : FieldFault::kSyntax;
    // A line that begins with a blank would continue the one before (obs-fold): programs disagree about it.
    auto colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) return FieldFault::kSyntax;
    auto name = line.substr(0, colon);
    auto value = trim(line.substr(colon + 1));
    if (!all_of(name, kToken) || !all_of(value, kValue)) return FieldFault::kSyntax;
    if (!headers.add({name, value})) return FieldFault::kTooMany;
  }
}

// 1 to 19 digits, no sign, no list.
std::optional<std::uint64_t> parse_content_length(std::string_view text) {
  if (text.empty() || text.size() > 18) return std::nullopt;
  std::uint64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

bool has_option(std::string_view list, std::string_view option) {
  while (!list.empty()) {
    auto comma = list.find(',');
    if (equals_ignoring_case(trim(list.substr(0, comma)), option)) return true;
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return false;
}

bool wants_keep_alive(const HeaderList& headers, int minor_version) {
  bool close = false;
  bool keep = false;
  for (const auto& header : headers.all()) {
    if (!equals_ignoring_case(header.name, "connection")) continue;
    close = close || has_option(header.value, "close");
    keep = keep || has_option(header.value, "keep-alive");
  }
  if (close) return false;
  return minor_version == 1 || keep;
}

bool known_method(std::string_view method) {
  for (std::string_view known : {"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})
    if (method == known) return true;
  return false;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

std::optional<std::string_view> HeaderList::find(std::string_view name) const {
  for (const auto& header : all())
    if (equals_ignoring_case(header.name, name)) return header.value;
  return std::nullopt;
}

std::size_t HeaderList::count(std::string_view name) const {
  std::size_t n = 0;
  for (const auto& header : all()) n += equals_ignoring_case(header.name, name) ? 1 : 0;
  return n;
}

bool HeaderList::add(Header header) {
  if (size_ == fields_.size()) return false;
  fields_[size_++] = header;
  return true;
}

std::size_t find_head_end(std::string_view text, std::size_t from) {
  auto start = from > 3 ? from - 3 : 0;
  auto at = text.find("\r\n\r\n", start);
  if (at != std::string_view::npos) return at + 4;
  // A bare-LF empty line is no end; the strict parser refuses such a head once it is seen.
  auto bare = text.find("\n\n", start);
  return bare == std::string_view::npos ? 0 : bare + 2;
}

HeadError parse_request_head(std::string_view text, RequestHead& head) {
  std::string_view rest = text;
  std::string_view line;
  if (!take_line(rest, line)) return {400, "bad line end"};
  auto first = line.find(' ');
  auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return {400, "bad request line"};
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  auto version = line.substr(last + 1);
  if (head.method.empty() || !all_of(head.method, kToken)) return {400, "bad method"};
  if (version == "HTTP/1.1") {
    head.minor_version = 1;
  } else if (version == "HTTP/1.0") {
    head.minor_version = 0;
  } else {
    return version.starts_with("HTTP/") ? HeadError{505, "unknown HTTP version"} : HeadError{400, "bad request line"};
  }
  if (!known_method(head.method)) return {501, "unknown method"};
  if (head.target.size() > 8192) return {414, "target too long"};
  if (head.target.empty() || !all_of(head.target, kTarget)) return {400, "bad request target"};
  std::string_view origin = head.target;
  if (origin.front() != '/') {
    // Absolute form, as proxies send it; the authority is the client's word like Host and decides nothing.
    auto scheme = origin.find("://");
    auto slash = scheme == std::string_view::npos ? scheme : origin.find('/', scheme + 3);
    if (head.target != "*" && (scheme == std::string_view::npos || slash == std::string_view::npos))
      return {400, "bad request target"};
    origin = head.target == "*" ? head.target : origin.substr(slash);
  }
  auto question = origin.find('?');
  head.path = origin.substr(0, question);
  head.query = question == std::string_view::npos ? std::string_view() : origin.substr(question + 1);

  switch (parse_fields(rest, head.headers)) {
    case FieldFault::kSyntax: return {400, "bad header field"};
    case FieldFault::kTooMany: return {431, "too many header fields"};
    case FieldFault::kNone: break;
  }
  const Header* length = nullptr;
  const Header* coding = nullptr;
  std::size_t lengths = 0, codings = 0, hosts = 0;
  for (const auto& header : head.headers.all()) {
    if (equals_ignoring_case(header.name, "content-length")) {
      length = &header;
      ++lengths;
    } else if (equals_ignoring_case(header.name, "transfer-encoding")) {
      coding = &header;
      ++codings;
    } else if (equals_ignoring_case(header.name, "host")) {
      ++hosts;
    }
  }
  if (hosts > 1 || (hosts == 0 && head.minor_version == 1)) return {400, "exactly one Host is needed"};
  head.framing = BodyFraming::kNone;
  head.content_length = 0;
  if (codings > 0) {
    // With both, or with another coding behind or before chunked, two programs may see two messages (RFC 9112 §6.1).
    if (codings > 1 || lengths > 0) return {400, "contradictory body length"};
    if (!equals_ignoring_case(coding->value, "chunked")) return {501, "unknown transfer coding"};
    if (head.minor_version == 0) return {400, "chunked body in HTTP/1.0"};
    head.framing = BodyFraming::kChunked;
  } else if (lengths > 0) {
    if (lengths > 1) return {400, "contradictory body length"};
    auto value = parse_content_length(length->value);
    if (!value) return {400, "bad Content-Length"};
    head.content_length = *value;
    head.framing = *value == 0 ? BodyFraming::kNone : BodyFraming::kLength;
  }
  head.keep_alive = wants_keep_alive(head.headers, head.minor_version);
  return {};
}

const char* parse_response_head(std::string_view text, std::string_view request_method, ResponseHead& head) {
  std::string_view rest = text;
  std::string_view line;
  if (!take_line(rest, line)) return "bad line end";
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || (line[7] != '0' && line[7] != '1') || line[8] != ' ')
    return "bad status line";
  head.minor_version = line[7] - '0';
  head.status = 0;
  for (char c : line.substr(9, 3)) {
    if (c < '0' || c > '9') return "bad status line";
    head.status = head.status * 10 + (c - '0');
  }
  if (head.status < 100 || (line.size() > 12 && line[12] != ' ')) return "bad status line";
  switch (parse_fields(rest, head.headers)) {
    case FieldFault::kSyntax: return "bad header field";
    case FieldFault::kTooMany: return "too many header fields";
    case FieldFault::kNone: break;
  }
  head.keep_alive = wants_keep_alive(head.headers, head.minor_version);
  head.content_length = 0;
  if (request_method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304) {
    head.framing = BodyFraming::kNone;
    return nullptr;
  }
  std::optional<std::uint64_t> length;
  bool chunked = false;
  for (const auto& header : head.headers.all()) {
    if (equals_ignoring_case(header.name, "transfer-encoding")) {
      if (chunked || !equals_ignoring_case(header.value, "chunked")) return "unknown transfer coding";
      chunked = true;
    } else if (equals_ignoring_case(header.name, "content-length")) {
      auto value = parse_content_length(header.value);
      if (!value || (length && *length != *value)) return "bad Content-Length";
      length = value;
    }
  }
  if (chunked) {
    // A length beside it is ignored as RFC 9112 §6.3 says, and the connection is not used again.
    if (length) head.keep_alive = false;
    head.framing = BodyFraming::kChunked;
  } else if (length) {
    head.content_length = *length;
    head.framing = *length == 0 ? BodyFraming::kNone : BodyFraming::kLength;
  } else {
    head.framing = BodyFraming::kUntilClose;
    head.keep_alive = false;
  }
  return nullptr;
}

std::optional<std::uint64_t> parse_chunk_size(std::string_view line, bool allow_extension) {
  std::uint64_t size = 0;
  std::size_t digits = 0;
  for (; digits < line.size(); ++digits) {
    char c = lower(line[digits]);
    unsigned digit;
    if (c >= '0' && c <= '9') {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else {
      break;
    }
    size = size * 16 + digit;
  }
  if (digits == 0 || digits > 15) return std::nullopt;
  if (digits < line.size()) {
    auto tail = line.substr(digits);
    if (!allow_extension) return std::nullopt;
    while (!tail.empty() && (tail.front() == ' ' || tail.front() == '\t')) tail.remove_prefix(1);
    if (!tail.empty() && tail.front() != ';') return std::nullopt;
  }
  return size;
}

}  // namespace tollgate::net
