#include "api/session_cookie.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <bit>
#include <charconv>
#include <ctime>

#include "core/byte_text.h"

namespace tollgate::api {
namespace {

constexpr std::string_view kName = "session";
constexpr std::size_t kLimit = 4096;

// Writing: the gob encodings of basic values.
void put_uint(std::string& out, std::uint64_t value) {
  if (value < 128) {
    out.push_back(static_cast<char>(value));
    return;
  }
  const int bytes = (static_cast<int>(std::bit_width(value)) + 7) / 8;
  out.push_back(static_cast<char>(256 - bytes));
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8U * static_cast<unsigned>(i))));
}

void put_int(std::string& out, std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  put_uint(out, value < 0 ? (~bits << 1U | 1U) : bits << 1U);
}

void put_text(std::string& out, std::string_view text) {
  put_uint(out, text.size());
  out += text;
}

// A value inside an interface: the Go type's name, its id, and the length-prefixed body.
void put_interface(std::string& out, std::string_view type, std::int64_t type_id, std::string_view encoded) {
  put_text(out, type);
  put_int(out, type_id);
  put_uint(out, encoded.size() + 1);
  out.push_back('\0');  // not a struct
  out += encoded;
}

void put_value(std::string& out, const SessionValue& value) {
  std::string body;
  struct Writer {
    std::string& out;
    std::string& body;
    void operator()(GoNil) const { out.push_back('\0'); }
    void operator()(const std::string& v) const {
      put_text(body, v);
      put_interface(out, "string", 6, body);
    }
    void operator()(GoInt v) const {
      put_int(body, v.value);
      put_interface(out, "int", 2, body);
    }
    void operator()(GoInt64 v) const {
      put_int(body, v.value);
      put_interface(out, "int64", 2, body);
    }
    void operator()(bool v) const {
      put_uint(body, v ? 1 : 0);
      put_interface(out, "bool", 1, body);
    }
    void operator()(const GoBytes& v) const {
      put_text(body, v.value);
      put_interface(out, "[]uint8", 5, body);
    }
    void operator()(GoUint v) const {
      put_uint(body, v.value);
      put_interface(out, v.wide ? "uint64" : "uint", 3, body);
    }
    void operator()(double v) const {
      put_uint(body, __builtin_bswap64(std::bit_cast<std::uint64_t>(v)));
      put_interface(out, "float64", 4, body);
    }
  };
  std::visit(Writer{out, body}, value);
}

void put_message(std::string& out, std::string_view payload) {
  put_uint(out, payload.size());
  out += payload;
}

// Reading: a cursor that fails once and for all.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool ok() const { return ok_; }
  bool done() const { return rest_.empty(); }

  std::uint64_t uint() {
    if (rest_.empty()) return fail();
    const auto first = static_cast<unsigned char>(rest_[0]);
    rest_.remove_prefix(1);
    if (first < 128) return first;
    const std::size_t bytes = 256U - first;
    if (bytes > 8 || bytes > rest_.size()) return fail();
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8U | static_cast<unsigned char>(rest_[i]);
    rest_.remove_prefix(bytes);
    return value;
  }
  std::int64_t integer() {
    const std::uint64_t bits = uint();
    return static_cast<std::int64_t>((bits & 1U) != 0 ? ~(bits >> 1U) : bits >> 1U);
  }
  std::string_view bytes() {
    const std::uint64_t size = uint();
    if (!ok_ || size > rest_.size()) {
      fail();
      return {};
    }
    std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  void expect(std::string_view exact) {
    if (rest_.substr(0, exact.size()) != exact) {
      fail();
      return;
    }
    rest_.remove_prefix(exact.size());
  }

 private:
  std::uint64_t fail() {
    ok_ = false;
    rest_ = {};
    return 0;
  }
  std::string_view rest_;
  bool ok_ = true;
};

std::optional<SessionValue> read_interface(Reader& in) {
  const std::string_view type = in.bytes();
  if (!in.ok()) return std::nullopt;
  if (type.empty()) return SessionValue(GoNil{});
  in.integer();  // the type id follows from the name
  Reader body(in.bytes());
  body.expect(std::string_view("\0", 1));
  SessionValue value;
  if (type == "string") {
    value = std::string(body.bytes());
  } else if (type == "int") {
    value = GoInt{body.integer()};
  } else if (type == "int64") {
    value = GoInt64{body.integer()};
  } else if (type == "bool") {
    value = body.uint() != 0;
  } else if (type == "[]uint8") {
    value = GoBytes{std::string(body.bytes())};
  } else if (type == "uint" || type == "uint64") {
    value = GoUint{body.uint(), type == "uint64"};
  } else if (type == "float64") {
    value = std::bit_cast<double>(__builtin_bswap64(body.uint()));
  } else {
    return std::nullopt;
  }
  if (!in.ok() || !body.ok() || !body.done()) return std::nullopt;
  return value;
}

// The text of a map key is the same interface encoding, and must be a text.
std::optional<std::string> read_key(Reader& in) {
  auto value = read_interface(in);
  if (!value || !std::holds_alternative<std::string>(*value)) return std::nullopt;
  return std::get<std::string>(std::move(*value));
}

std::string mac_of(std::string_view secret, std::string_view signed_part) {
  std::string message = fmt::format("{}|{}", kName, signed_part);
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), mac, &size);
  return {reinterpret_cast<const char*>(mac), size};
}

bool same_bytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

const SessionValue* SessionValues::find(std::string_view key) const {
  for (const auto& [name, value] : entries_)
    if (name == key) return &value;
  return nullptr;
}

void SessionValues::set(std::string_view key, SessionValue value) {
  for (auto& [name, old] : entries_) {
    if (name == key) {
      old = std::move(value);
      return;
    }
  }
  entries_.emplace_back(key, std::move(value));
}

void SessionValues::erase(std::string_view key) {
  std::erase_if(entries_, [&](const auto& entry) { return entry.first == key; });
}

std::string SessionValues::text(std::string_view key) const {
  const SessionValue* value = find(key);
  const auto* text = value ? std::get_if<std::string>(value) : nullptr;
  return text ? *text : std::string();
}

std::optional<std::int64_t> SessionValues::integer(std::string_view key) const {
  const SessionValue* value = find(key);
  if (!value) return std::nullopt;
  if (const auto* v = std::get_if<GoInt>(value)) return v->value;
  if (const auto* v = std::get_if<GoInt64>(value)) return v->value;
  return std::nullopt;
}

std::string encode_gob(const SessionValues& values, std::int64_t type_id) {
  // First message: "type_id is a map from interface to interface", as Go's encoder describes map[any]any.
  std::string id;
  put_int(id, type_id);
  std::string definition;
  put_int(definition, -type_id);
  definition += "\x04\x01\x02";
  definition += id;
  definition += std::string_view("\0\x01\x10\x01\x10\0\0", 7);

  std::string body = id;
  body.push_back('\0');
  put_uint(body, values.entries().size());
  for (const auto& [key, value] : values.entries()) {
    put_value(body, key);
    put_value(body, value);
  }
  std::string out;
  put_message(out, definition);
  put_message(out, body);
  return out;
}

std::optional<SessionValues> decode_gob(std::string_view bytes) {
  Reader in(bytes);
  Reader definition(in.bytes());
  const std::int64_t negative = definition.integer();
  if (!in.ok() || !definition.ok() || negative > -64 || negative == INT64_MIN) return std::nullopt;
  std::string id;
  put_int(id, -negative);
  definition.expect("\x04\x01\x02");
  definition.expect(id);
  definition.expect(std::string_view("\0\x01\x10\x01\x10\0\0", 7));
  if (!definition.ok() || !definition.done()) return std::nullopt;

  Reader body(in.bytes());
  if (!in.ok() || !in.done()) return std::nullopt;
  body.expect(id);
  body.expect(std::string_view("\0", 1));
  const std::uint64_t count = body.uint();
  SessionValues values;
  for (std::uint64_t i = 0; i < count && body.ok(); ++i) {
    auto key = read_key(body);
    if (!key) return std::nullopt;
    auto value = read_interface(body);
    if (!value) return std::nullopt;
    values.set(*key, std::move(*value));
  }
  if (!body.ok() || !body.done()) return std::nullopt;
  return values;
}

std::optional<std::string> encode_session(const SessionValues& values, std::string_view secret, std::int64_t now,
                                          std::int64_t type_id) {
  std::string stamped = fmt::format("{}|{}", now, core::base64url_encode(encode_gob(values, type_id)));
  std::string value = core::base64url_encode(fmt::format("{}|{}", stamped, mac_of(secret, stamped)));
  if (value.size() > kLimit) return std::nullopt;
  return value;
}

std::optional<DecodedSession> decode_session(std::string_view value, std::span<const std::string> secrets,
                                             std::int64_t now) {
  if (value.empty() || value.size() > kLimit) return std::nullopt;
  auto plain = core::base64url_decode(value);
  if (!plain) return std::nullopt;
  const std::string_view all = *plain;
  const auto first = all.find('|');
  const auto second = first == std::string_view::npos ? first : all.find('|', first + 1);
  if (second == std::string_view::npos) return std::nullopt;

  const std::string_view stamped = all.substr(0, second);
  bool genuine = false;
  for (const std::string& secret : secrets) genuine |= same_bytes(mac_of(secret, stamped), all.substr(second + 1));
  if (!genuine) return std::nullopt;

  DecodedSession session;
  const std::string_view stamp = all.substr(0, first);
  auto [end, ec] = std::from_chars(stamp.data(), stamp.data() + stamp.size(), session.saved_at);
  if (ec != std::errc{} || end != stamp.data() + stamp.size() || session.saved_at < now - kSessionSeconds)
    return std::nullopt;
  auto gob = core::base64url_decode(stamped.substr(first + 1));
  if (!gob) return std::nullopt;
  auto values = decode_gob(*gob);
  if (!values) return std::nullopt;
  session.values = std::move(*values);
  return session;
}

std::string session_set_cookie(std::string_view value, std::int64_t now, bool secure) {
  const std::time_t expires = now + kSessionSeconds;
  std::tm parts{};
  gmtime_r(&expires, &parts);
  char date[40];
  std::strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return fmt::format("{}={}; Path=/; Expires={}; Max-Age={}; HttpOnly{}; SameSite=Strict", kName, value, date,
                     kSessionSeconds, secure ? "; Secure" : "");
}

std::string_view session_from_cookie_header(std::string_view header) {
  while (!header.empty()) {
    std::string_view part = header.substr(0, header.find(';'));
    header.remove_prefix(std::min(header.size(), part.size() + 1));
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (part.starts_with(kName) && part.substr(kName.size()).starts_with('=')) {
      part.remove_prefix(kName.size() + 1);
      if (part.size() >= 2 && part.front() == '"' && part.back() == '"') part = part.substr(1, part.size() - 2);
      return part;
    }
  }
  return {};
}

}  // namespace tollgate::api
