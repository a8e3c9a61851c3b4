// The session cookie's value, byte-compatible with the Go nodes that may share the database: a gob stream of a map from
// text to typed values, signed with HMAC-SHA256 and stamped with the time it was saved. Nothing in it is secret from
// its owner, nothing in it is believed without the signature.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tollgate::api {

// The Go types of session values. `int` and `int64` differ on the wire and Go handlers tell them apart.
struct GoInt {
  std::int64_t value = 0;
  friend bool operator==(const GoInt&, const GoInt&) = default;
};
struct GoInt64 {
  std::int64_t value = 0;
  friend bool operator==(const GoInt64&, const GoInt64&) = default;
};
struct GoUint {
  std::uint64_t value = 0;
  bool wide = false;  // uint64
  friend bool operator==(const GoUint&, const GoUint&) = default;
};
struct GoBytes {
  std::string value;
  friend bool operator==(const GoBytes&, const GoBytes&) = default;
};
struct GoNil {
  friend bool operator==(GoNil, GoNil) = default;
};
using SessionValue = std::variant<GoNil, std::string, GoInt, GoInt64, bool, GoBytes, GoUint, double>;

// Ordered as written, so that a decoded and re-encoded session keeps its bytes.
class SessionValues {
 public:
  const SessionValue* find(std::string_view key) const;
  void set(std::string_view key, SessionValue value);  // replaces, or appends
  void erase(std::string_view key);
  void clear() { entries_.clear(); }
  bool empty() const { return entries_.empty(); }
  const std::vector<std::pair<std::string, SessionValue>>& entries() const { return entries_; }

  // The value when it has that type, else empty / nullopt.
  std::string text(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key) const;  // int or int64

 private:
  std::vector<std::pair<std::string, SessionValue>> entries_;
};

struct DecodedSession {
  SessionValues values;
  std::int64_t saved_at = 0;  // unix seconds
};

inline constexpr std::int64_t kSessionSeconds = 2'592'000;  // 30 days

// The gob stream alone. type_id is what the writer calls its map type: 64 for current Go releases.
std::string encode_gob(const SessionValues& values, std::int64_t type_id = 64);
std::optional<SessionValues> decode_gob(std::string_view bytes);

// The cookie's value; nullopt when it would exceed 4096 characters.
std::optional<std::string> encode_session(const SessionValues& values, std::string_view secret, std::int64_t now,
                                          std::int64_t type_id = 64);

// Checks length, signature (any of the secrets), age and form. nullopt on any fault: an empty session.
std::optional<DecodedSession> decode_session(std::string_view value, std::span<const std::string> secrets,
                                             std::int64_t now);

// The Set-Cookie header's value for a session value.
std::string session_set_cookie(std::string_view value, std::int64_t now, bool secure);

// The first cookie named `session` of a Cookie header; empty when there is none.
std::string_view session_from_cookie_header(std::string_view header);

}  // namespace tollgate::api
