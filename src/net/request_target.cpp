#include "net/request_target.h"

#include <array>

#include "net/http_head.h"

namespace tollgate::net {
namespace {

// Where a byte may stand as it is (RFC 3986 §2.2, §2.3).
constexpr unsigned char kInPath = 1, kInQuery = 2, kInHost = 4;

constexpr auto kAllowed = [] {
  std::array<unsigned char, 256> table{};
  auto allow = [&](std::string_view bytes, unsigned char where) {
    for (char c : bytes) table[static_cast<unsigned char>(c)] |= where;
  };
  allow("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~", kInPath | kInQuery | kInHost);
  allow("!$&'()*+;=", kInPath | kInQuery | kInHost);
  allow(",:@", kInPath | kInQuery);
  // No syntax gives these a meaning in a query, and scripts send search words as they are.
  allow("/?[]|{}^\"", kInQuery);
  return table;
}();

constexpr int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte that "%XX" at `at` stands for; -1 when it is none.
int encoded_byte(std::string_view text, std::size_t at) {
  if (at + 2 >= text.size()) return -1;
  int high = hex_digit(text[at + 1]);
  int low = hex_digit(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// Length of the UTF-8 sequence at `at`, shortest form and no surrogates (RFC 3629 §4); 0 when there is none.
std::size_t utf8_length(std::string_view text, std::size_t at) {
  auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto lead = byte(at);
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(at + i) & 0xC0U) != 0x80) return 0;
  const auto second = byte(at + 1);
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F)) return 0;
  if ((lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) return 0;
  return length;
}

// nullptr or what is wrong with a path, which begins with '/'.
const char* check_path(std::string_view path, bool& encoded_slash) {
  std::size_t dots = 0;
  bool only_dots = true;
  auto is_dot_segment = [&] { return only_dots && (dots == 1 || dots == 2); };
  for (std::size_t i = 1; i < path.size(); ++i) {
    auto c = static_cast<unsigned char>(path[i]);
    if (c == '/') {
      if (is_dot_segment()) return "dot segment in the path";
      dots = 0;
      only_dots = true;
      continue;
    }
    if (c == '%') {
      int value = encoded_byte(path, i);
      if (value <= 0) return "bad percent-encoding";
      if (value == '/' || value == '\\') encoded_slash = true;
      c = static_cast<unsigned char>(value);
      i += 2;
    } else if (!(kAllowed[c] & kInPath)) {
      return "bad byte in the target";
    }
    if (c == '.')
      ++dots;
    else
      only_dots = false;
  }
  return is_dot_segment() ? "dot segment in the path" : nullptr;
}

const char* check_query(std::string_view query) {
  for (std::size_t i = 0; i < query.size(); ++i) {
    auto c = static_cast<unsigned char>(query[i]);
    if (kAllowed[c] & kInQuery) continue;
    if (c == '%') {
      if (encoded_byte(query, i) <= 0) return "bad percent-encoding";
      i += 2;
      continue;
    }
    auto length = c >= 0x80 ? utf8_length(query, i) : 0;
    if (length == 0) return "bad byte in the target";
    i += length - 1;
  }
  return nullptr;
}

// "http://authority" or "https://authority" before the path of an absolute form; its length, 0 when there is none.
std::size_t scheme_length(std::string_view target) {
  for (std::string_view scheme : {"http://", "https://"})
    if (equals_ignoring_case(target.substr(0, scheme.size()), scheme)) return scheme.size();
  return 0;
}

bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5) return false;
  for (char c : text)
    if (c < '0' || c > '9') return false;
  return true;
}

}  // namespace

Target parse_target(std::string_view target, std::string_view method) {
  Target result;
  auto refuse = [&](int status, std::string_view reason) {
    result.status = status;
    result.reason = reason;
    return result;
  };
  if (target.size() > kMaxTarget) return refuse(414, "target too long");
  if (target == "*" && method == "OPTIONS") {
    result.path = target;
    return result;
  }
  auto origin = target;
  if (!target.starts_with('/')) {
    auto scheme = scheme_length(target);
    auto slash = scheme == 0 ? std::string_view::npos : target.find('/', scheme);
    if (slash == std::string_view::npos || slash == scheme) return refuse(400, "bad request target");
    result.authority = target.substr(scheme, slash - scheme);
    origin = target.substr(slash);
  }
  auto question = origin.find('?');
  result.path = origin.substr(0, question);
  if (question != std::string_view::npos) result.query = origin.substr(question + 1);
  const char* wrong = check_path(result.path, result.encoded_slash);
  if (!wrong) wrong = check_query(result.query);
  return wrong ? refuse(400, wrong) : result;
}

bool is_host(std::string_view host) {
  if (host.empty() || host.size() > 255) return false;
  std::size_t end = 0;
  if (host.front() == '[') {
    end = host.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    for (char c : host.substr(1, end - 1))
      if (hex_digit(c) < 0 && c != ':' && c != '.') return false;
    ++end;
  } else {
    for (; end < host.size() && host[end] != ':'; ++end) {
      if (host[end] == '%') {
        if (encoded_byte(host, end) <= 0) return false;
        end += 2;
      } else if (!(kAllowed[static_cast<unsigned char>(host[end])] & kInHost)) {
        return false;
      }
    }
    if (end == 0) return false;
  }
  return end == host.size() || (host[end] == ':' && is_port(host.substr(end + 1)));
}

}  // namespace tollgate::net
