// Heads of HTTP/1.1 messages (RFC 9112), parsed strictly: what two programs could read differently is refused, so that
// no proxy in front of us can be made to see other messages than we do.
#pragma once
#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tollgate::net {

struct Header {
  std::string_view name;  // as it came
  std::string_view value;
};

constexpr std::size_t kMaxHeaders = 100;
constexpr std::size_t kMaxRequestHead = 32 * 1024;
constexpr std::size_t kMaxRequestLine = 16 * 1024;         // one field with its name; long tokens and cookies fit
constexpr std::size_t kMaxBodyWithoutMeaning = 64 * 1024;  // of GET, HEAD, DELETE and OPTIONS
constexpr std::size_t kMaxResponseHead = 64 * 1024;

bool equals_ignoring_case(std::string_view a, std::string_view b);

// The fields of one head; views into the text that was parsed. Kept apart from its text so that it can be reused.
class HeaderList {
 public:
  std::optional<std::string_view> find(std::string_view name) const;  // the first of that name, any case
  std::size_t count(std::string_view name) const;
  std::span<const Header> all() const { return {fields_.data(), fields_.size()}; }
  bool add(Header header);  // false when full
  void clear() { fields_.clear(); }

 private:
  boost::container::small_vector<Header, 24> fields_;  // as many as common heads have
};

enum class BodyFraming { kNone, kLength, kChunked, kUntilClose };

// How a request's body is packed (RFC 9110 §8.4). kOther: several codings, or one we do not know.
enum class ContentCoding { kNone, kGzip, kDeflate, kBrotli, kZstd, kOther };

struct RequestHead {
  std::string_view method;
  std::string_view target;     // as it came: path and query
  std::string_view path;       // up to '?'; never decoded
  std::string_view query;      // behind '?', may be empty
  bool encoded_slash = false;  // the path holds %2F or %5C: for routes with a free name in their path only
  int minor_version = 1;
  HeaderList headers;
  BodyFraming framing = BodyFraming::kNone;
  std::uint64_t content_length = 0;
  ContentCoding coding = ContentCoding::kNone;
  bool expects_continue = false;  // the client waits for 100 before it sends the body (RFC 9110 §10.1.1)
  bool keep_alive = true;
};

struct ResponseHead {
  int status = 0;
  int minor_version = 1;
  HeaderList headers;
  BodyFraming framing = BodyFraming::kNone;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
};

// Where the head ends: the offset behind the empty line, 0 while it is not complete. Also behind the first LF that has
// no CR before it: no more is waited for, parsing refuses it. `from` is how far an earlier call looked.
std::size_t find_head_end(std::string_view text, std::size_t from = 0);

// `text` is the head with its empty line. On failure the status to answer with (400, 405, 414, 417, 431, 501, 505) and
// one line that says what was wrong. The rules are listed in docs/http.md.
struct HeadError {
  int status = 0;  // 0: fine
  std::string_view reason;
};
HeadError parse_request_head(std::string_view text, RequestHead& head);

// Of an upstream's answer; `request_method` decides whether a body may follow. nullptr or what was wrong.
const char* parse_response_head(std::string_view text, std::string_view request_method, ResponseHead& head);

// One line "<hex size>[;extension]" of a chunked body, without CR LF; nullopt when it is not one. In requests
// (allow_extension = false) it is 1 to 8 digits and nothing else.
std::optional<std::uint64_t> parse_chunk_size(std::string_view line, bool allow_extension);

// Whether a line, without CR LF, is "name: value" of allowed bytes (RFC 9110 §5.5, §5.6.2); for trailers.
bool is_field_line(std::string_view line);

}  // namespace tollgate::net
