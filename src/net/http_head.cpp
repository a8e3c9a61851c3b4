#include "net/http_head.h"

#include <algorithm>
#include <cstring>

#include "core/ascii.h"
#include "net/request_target.h"

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
// What a value is made of, as bits: a byte that may not stand in it; one beyond ASCII.
constexpr unsigned char kBad = 1, kHigh = 2;

constexpr auto kToken = [] {
  std::array<bool, 256> table{};
  for (unsigned c = 0; c < 256; ++c) table[c] = is_token_char(static_cast<unsigned char>(c));
  return table;
}();
constexpr auto kValue = [] {
  std::array<unsigned char, 256> table{};
  for (unsigned c = 0; c < 256; ++c) table[c] = (c < 0x20 && c != '\t') || c == 0x7F ? kBad : c >= 0x80 ? kHigh : 0;
  return table;
}();

bool is_token(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return kToken[static_cast<unsigned char>(c)]; });
}

unsigned value_bits(std::string_view text) {
  unsigned bits = 0;
  for (char c : text) bits |= kValue[static_cast<unsigned char>(c)];
  return bits;
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Takes the next line off `rest`, which ends with CR LF. False on a bare LF or CR.
bool take_line(std::string_view& rest, std::string_view& line) {
  auto end = rest.find('\n');
  if (end == std::string_view::npos || end == 0 || rest[end - 1] != '\r') return false;
  line = rest.substr(0, end - 1);
  rest.remove_prefix(end + 1);
  return true;
}

// Splits the fields and hands each to `field(header, raw value, bits of the value)`, which may refuse it.
template <class OnField>
HeadError parse_fields(std::string_view rest, HeaderList& headers, OnField field) {
  headers.clear();
  std::string_view line;
  for (;;) {
    if (!take_line(rest, line)) return {400, "bad line end"};
    if (line.empty()) return rest.empty() ? HeadError{} : HeadError{400, "bad header field"};
    // Programs disagree about a line that continues the one before (obs-fold, RFC 9112 §5.2).
    if (line.front() == ' ' || line.front() == '\t') return {400, "folded header field"};
    auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return {400, "bad header field name"};
    auto raw = line.substr(colon + 1);
    Header header{line.substr(0, colon), core::trimmed(raw, core::kHttpBlanks)};
    auto bits = value_bits(header.value);
    if (bits & kBad) return {400, "bad byte in a header field"};
    if (!headers.add(header)) return {431, "too many header fields"};
    if (auto refused = field(header, raw, bits); refused.status != 0) return refused;
  }
}

// 1 to 19 digits, no sign, no list.
std::optional<std::uint64_t> parse_content_length(std::string_view text) {
  if (text.empty() || text.size() > 19) return std::nullopt;
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
    if (equals_ignoring_case(core::trimmed(list.substr(0, comma), core::kHttpBlanks), option)) return true;
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return false;
}

// What the fields named Connection say together.
struct ConnectionOptions {
  bool close = false, keep = false;
  void read(std::string_view value) {
    close = close || has_option(value, "close");
    keep = keep || has_option(value, "keep-alive");
  }
  bool keep_alive(int minor_version) const { return !close && (minor_version == 1 || keep); }
};

bool known_method(std::string_view method) {
  for (std::string_view known : {"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})
    if (method == known) return true;
  return false;
}

// The fields that this program reads, each by itself: what decides about framing or rights may not come twice, and
// bytes beyond ASCII in it would be read differently elsewhere.
enum class Field { kHost, kLength, kTransferCoding, kConnection, kExpect, kContentCoding, kSingle };
struct KnownField {
  std::string_view name;
  Field field;
  bool once = true;
};
constexpr KnownField kKnownFields[] = {
    {"host", Field::kHost},
    {"content-length", Field::kLength},
    {"transfer-encoding", Field::kTransferCoding},
    {"connection", Field::kConnection, false},
    {"expect", Field::kExpect},
    {"content-encoding", Field::kContentCoding},
    {"content-type", Field::kSingle},
    {"authorization", Field::kSingle},
    {"x-api-key", Field::kSingle},
    {"x-goog-api-key", Field::kSingle},
    {"mj-api-secret", Field::kSingle},
    {"new-api-user", Field::kSingle},
    {"stripe-signature", Field::kSingle},
};

const KnownField* find_known(std::string_view name) {
  for (const auto& known : kKnownFields)
    if (equals_ignoring_case(known.name, name)) return &known;
  return nullptr;
}

ContentCoding coding_of(std::string_view value) {
  constexpr std::pair<std::string_view, ContentCoding> kCodings[] = {
      {"identity", ContentCoding::kNone}, {"gzip", ContentCoding::kGzip}, {"deflate", ContentCoding::kDeflate},
      {"br", ContentCoding::kBrotli},     {"zstd", ContentCoding::kZstd},
  };
  for (const auto& [name, coding] : kCodings)
    if (equals_ignoring_case(name, value)) return coding;
  return ContentCoding::kOther;
}

// Of a Transfer-Encoding that is not "chunked": one that is known and not done here, or none at all.
HeadError refuse_transfer_coding(std::string_view value) {
  for (std::string_view known : {"gzip", "x-gzip", "deflate", "compress", "x-compress"})
    if (equals_ignoring_case(known, value)) return {501, "unknown transfer coding"};
  return {400, "bad Transfer-Encoding"};
}

bool is_version(std::string_view text) {
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return text.size() == 8 && text.starts_with("HTTP/") && digit(text[5]) && text[6] == '.' && digit(text[7]);
}

// Everything of the first line but the target's own syntax.
HeadError parse_request_line(std::string_view line, RequestHead& head) {
  auto first = line.find(' ');
  auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return {400, "bad request line"};
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  auto version = line.substr(last + 1);
  if (!is_token(head.method)) return {400, "bad method"};
  if (head.method.size() > 16) return {400, "method too long"};
  if (!is_version(version)) return {400, "bad request line"};
  if (head.method == "PRI") return {400, "HTTP/2 is not spoken here"};
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return {505, "unknown HTTP version"};
  head.minor_version = version.back() - '0';
  if (!known_method(head.method)) return {405, "unknown method"};
  return {};
}

// Fields that decide how the message goes on, checked as each comes.
struct Framing {
  RequestHead& head;
  unsigned seen = 0;
  std::string_view host;
  ConnectionOptions connection;

  bool has(Field field) const { return seen & bit(field); }
  static constexpr unsigned bit(Field field) {
    for (unsigned i = 0; i < std::size(kKnownFields); ++i)
      if (kKnownFields[i].field == field) return 1U << i;
    return 0;
  }

  HeadError field(const Header& header, std::string_view raw, unsigned bits) {
    if (header.name.size() > 64) return {400, "header field name too long"};
    if (header.name.size() + raw.size() >= kMaxRequestLine) return {431, "header field too long"};
    const auto* known = find_known(header.name);
    if (!known) return {};
    if (bits & kHigh) return {400, "bad byte in a header field"};
    const auto mine = 1U << static_cast<unsigned>(known - kKnownFields);
    if (known->once && (seen & mine)) return {400, "a header field that may stand once stands twice"};
    seen |= mine;
    switch (known->field) {
      case Field::kHost: host = header.value; break;
      case Field::kConnection: connection.read(header.value); break;
      case Field::kContentCoding: head.coding = coding_of(header.value); break;
      case Field::kExpect:
        if (!equals_ignoring_case(header.value, "100-continue")) return {417, "unknown expectation"};
        head.expects_continue = head.minor_version == 1;
        break;
      case Field::kLength: {
        auto value = parse_content_length(header.value);
        if (!value || raw.find('\t') != std::string_view::npos) return {400, "bad Content-Length"};
        head.content_length = *value;
        head.framing = *value == 0 ? BodyFraming::kNone : BodyFraming::kLength;
        break;
      }
      case Field::kTransferCoding:
        if (!equals_ignoring_case(header.value, "chunked")) return refuse_transfer_coding(header.value);
        if (raw.find('\t') != std::string_view::npos) return {400, "bad Transfer-Encoding"};
        if (head.minor_version == 0) return {400, "chunked body in HTTP/1.0"};
        break;
      case Field::kSingle: break;
    }
    return {};
  }

  // What only all fields together say.
  HeadError whole() {
    if (!has(Field::kHost) && head.minor_version == 1) return {400, "exactly one Host is needed"};
    if (has(Field::kHost) && !is_host(host)) return {400, "bad Host"};
    if (has(Field::kTransferCoding)) {
      // With both, two programs may see two messages (RFC 9112 §6.1).
      if (has(Field::kLength)) return {400, "contradictory body length"};
      head.framing = BodyFraming::kChunked;
    }
    if (head.method == "GET" || head.method == "HEAD" || head.method == "DELETE" || head.method == "OPTIONS") {
      if (head.framing == BodyFraming::kChunked) return {400, "chunked body of a request without a body"};
      if (head.content_length > kMaxBodyWithoutMeaning) return {400, "large body of a request without a body"};
    }
    head.keep_alive = connection.keep_alive(head.minor_version);
    return {};
  }
};

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
  if (fields_.size() == kMaxHeaders) return false;
  fields_.push_back(header);
  return true;
}

std::size_t find_head_end(std::string_view text, std::size_t from) {
  // Three bytes back: the empty line may have begun in what was looked at.
  for (auto at = from > 3 ? from - 3 : 0; at < text.size(); ++at) {
    const void* found = std::memchr(text.data() + at, '\n', text.size() - at);
    if (!found) return 0;
    at = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    if (at == 0 || text[at - 1] != '\r') return at + 1;
    if (at >= 3 && text[at - 2] == '\n') return at + 1;
  }
  return 0;
}

bool is_field_line(std::string_view line) {
  auto colon = line.find(':');
  return colon != std::string_view::npos && is_token(line.substr(0, colon)) &&
         !(value_bits(line.substr(colon + 1)) & kBad);
}

HeadError parse_request_head(std::string_view text, RequestHead& head) {
  head.framing = BodyFraming::kNone;
  head.content_length = 0;
  head.coding = ContentCoding::kNone;
  head.expects_continue = false;

  std::string_view rest = text;
  std::string_view line;
  if (!take_line(rest, line)) return {400, "bad line end"};
  if (auto wrong = parse_request_line(line, head); wrong.status != 0) return wrong;
  auto target = parse_target(head.target, head.method);
  if (target.status != 0) return {target.status, target.reason};
  head.path = target.path;
  head.query = target.query;
  head.encoded_slash = target.encoded_slash;

  Framing framing{head, 0, {}, {}};
  auto wrong = parse_fields(rest, head.headers, [&](const Header& header, std::string_view raw, unsigned bits) {
    return framing.field(header, raw, bits);
  });
  if (wrong.status == 0) wrong = framing.whole();
  if (wrong.status == 0 && !target.authority.empty() && target.authority != framing.host)
    return {400, "the target names another host than Host"};
  return wrong;
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
  ConnectionOptions connection;
  auto wrong = parse_fields(rest, head.headers, [&](const Header& header, std::string_view, unsigned) {
    if (equals_ignoring_case(header.name, "connection")) connection.read(header.value);
    return HeadError{};
  });
  if (wrong.status != 0) return wrong.reason.data();
  head.keep_alive = connection.keep_alive(head.minor_version);
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
  if (digits == 0 || digits > (allow_extension ? 15U : 8U)) return std::nullopt;
  if (digits < line.size()) {
    auto tail = line.substr(digits);
    if (!allow_extension) return std::nullopt;
    while (!tail.empty() && (tail.front() == ' ' || tail.front() == '\t')) tail.remove_prefix(1);
    if (!tail.empty() && tail.front() != ';') return std::nullopt;
  }
  return size;
}

}  // namespace tollgate::net
