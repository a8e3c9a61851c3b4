#include "core/secret_scrub.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/mask.h"

namespace tollgate::core {
namespace {

constexpr std::size_t kShortest = 8;
constexpr std::string_view kHidden = "***";

bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_key_character(char c) { return is_alnum(c) || c == '_' || c == '-'; }

std::optional<unsigned> hex(std::string_view digits) {
  unsigned value = 0;
  for (char c : digits) {
    unsigned digit;
    if (c >= '0' && c <= '9') {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<unsigned>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    value = value * 16 + digit;
  }
  return value;
}

// One character as a text may spell it: how many bytes it takes there, and which bytes it stands for.
struct Spelled {
  std::size_t length = 1;
  std::array<char, 3> bytes{};
  std::size_t count = 1;
};
enum class Spelling { kPlain, kUrl, kJson };

Spelled spelled_at(std::string_view text, std::size_t at, Spelling spelling) {
  Spelled out;
  out.bytes[0] = text[at];
  if (spelling == Spelling::kUrl && text[at] == '%' && at + 2 < text.size()) {
    if (auto code = hex(text.substr(at + 1, 2))) {
      out.bytes[0] = static_cast<char>(*code);
      out.length = 3;
    }
  } else if (spelling == Spelling::kUrl && text[at] == '+') {
    out.bytes[0] = ' ';
  } else if (spelling == Spelling::kJson && text[at] == '\\' && at + 1 < text.size()) {
    char kind = text[at + 1];
    out.length = 2;
    out.bytes[0] = kind;
    if (kind == 'u' && at + 5 < text.size()) {
      auto code = hex(text.substr(at + 2, 4));
      if (!code) return out;
      out.length = 6;
      if (*code < 0x80) {
        out.bytes[0] = static_cast<char>(*code);
      } else if (*code < 0x800) {
        out.bytes = {static_cast<char>(0xC0 | (*code >> 6)), static_cast<char>(0x80 | (*code & 0x3F))};
        out.count = 2;
      } else {
        out.bytes = {static_cast<char>(0xE0 | (*code >> 12)), static_cast<char>(0x80 | ((*code >> 6) & 0x3F)),
                     static_cast<char>(0x80 | (*code & 0x3F))};
        out.count = 3;
      }
    }
  }
  return out;
}

// How many bytes of the text at `at` spell the whole needle; 0: they do not.
std::size_t match_spelled(std::string_view text, std::size_t at, std::string_view needle, Spelling spelling) {
  auto begin = at;
  std::size_t matched = 0;
  while (matched < needle.size()) {
    if (at >= text.size()) return 0;
    auto spelled = spelled_at(text, at, spelling);
    if (needle.substr(matched, spelled.count) != std::string_view(spelled.bytes.data(), spelled.count)) {
      // A character that only looks like an escape: a % or + of the secret itself.
      if (text[at] != needle[matched]) return 0;
      spelled = {};
    }
    at += spelled.length;
    matched += spelled.count;
  }
  return at - begin;
}

std::size_t common_head(std::string_view a, std::string_view b) {
  std::size_t n = 0;
  while (n < a.size() && n < b.size() && a[n] == b[n]) ++n;
  return n;
}

// A key shown by its ends: 6 or more characters of its head, then stars, dots or an ellipsis, then its tail. With dots
// alone the tail must be there (3 characters): a sentence may end with the name of a key's kind.
std::size_t match_ends(std::string_view text, std::size_t at, std::string_view secret) {
  constexpr std::size_t kHead = 6;
  constexpr std::size_t kTail = 3;
  constexpr std::string_view kEllipsis = "\xE2\x80\xA6";
  auto rest = text.substr(at);
  auto head = common_head(rest, secret);
  if (head < kHead) return 0;
  auto end = head;
  bool sure = false;
  while (end < rest.size()) {
    if (rest[end] == '*') {
      sure = true;
      ++end;
    } else if (rest[end] == '.') {
      ++end;
    } else if (rest.substr(end).starts_with(kEllipsis)) {
      sure = true;
      end += kEllipsis.size();
    } else {
      break;
    }
  }
  if (end == head) return 0;
  for (std::size_t tail = std::min(secret.size(), rest.size() - end); tail >= (sure ? 1 : kTail); --tail)
    if (rest.substr(end).starts_with(secret.substr(secret.size() - tail))) return end + tail;
  return sure ? end : 0;
}

// The characters that stand in every base64 text whose bytes hold the secret behind `before` (0 to 2) bytes of a group.
std::string base64_core(std::string_view secret, std::size_t before, std::string_view digits) {
  std::string bytes(before, '\0');
  bytes += secret;
  std::string out;
  const std::size_t bits = bytes.size() * 8;
  const std::size_t first = (before * 8 + 5) / 6;
  for (std::size_t digit = first; (digit + 1) * 6 <= bits; ++digit) {
    unsigned value = 0;
    for (std::size_t bit = digit * 6; bit < digit * 6 + 6; ++bit)
      value = value * 2 + ((static_cast<unsigned char>(bytes[bit / 8]) >> (7 - bit % 8)) & 1U);
    out.push_back(digits[value]);
  }
  return out;
}

// The end of a -----BEGIN … PRIVATE KEY----- block that begins at `at`, 0 when there is none. One without its last line
// goes to the end of the text.
std::size_t private_key_end(std::string_view text, std::size_t at) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  constexpr std::string_view kEnd = "-----END ";
  constexpr std::string_view kLabel = "PRIVATE KEY-----";
  if (!text.substr(at).starts_with(kBegin)) return 0;
  auto label = text.find(kLabel, at + kBegin.size());
  if (label == std::string_view::npos) return 0;
  for (char c : text.substr(at + kBegin.size(), label - at - kBegin.size()))
    if (c != ' ' && (c < 'A' || c > 'Z')) return 0;
  auto end = text.find(kEnd, label);
  if (end == std::string_view::npos) return text.size();
  auto last = text.find(kLabel, end);
  return last == std::string_view::npos ? text.size() : last + kLabel.size();
}

struct Shape {
  std::string_view prefix;
  std::size_t least;  // characters behind the prefix
  bool dots = false;  // parts joined by dots, as a JWT
};
constexpr Shape kShapes[] = {{"sk-", 16}, {"AIza", 35}, {"AKIA", 16}, {"xai-", 16},     {"gsk_", 16},
                             {"hf_", 16}, {"r8_", 16},  {"ghp_", 16}, {"eyJ", 16, true}};

std::size_t shape_end(std::string_view text, std::size_t at) {
  for (const auto& shape : kShapes) {
    if (!text.substr(at).starts_with(shape.prefix)) continue;
    auto end = at + shape.prefix.size();
    int dots = 0;
    while (end < text.size() &&
           (is_key_character(text[end]) || text[end] == '*' || (shape.dots && text[end] == '.' && dots < 2))) {
      if (text[end] == '.') ++dots;
      ++end;
    }
    if (end - at - shape.prefix.size() >= shape.least && (!shape.dots || dots == 2)) return end;
  }
  return 0;
}

// In scheme://user:password@host: behind the @.
std::size_t user_info_end(std::string_view text, std::size_t at) {
  auto end = at;
  bool colon = false;
  while (end < text.size() && !is_blank(text[end]) && text[end] != '/' && text[end] != '?' && text[end] != '#') {
    if (text[end] == ':') colon = true;
    if (text[end] == '@' && colon) return end + 1;
    ++end;
  }
  return 0;
}

// Line ends and tabs become blanks, other control characters of ASCII and of C1 go.
std::string without_control_characters(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto byte = static_cast<unsigned char>(text[at]);
    if (is_blank(text[at])) {
      out.push_back(' ');
    } else if (byte == 0xC2 && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0x80 &&
               static_cast<unsigned char>(text[at + 1]) < 0xA0) {
      ++at;
    } else if (byte >= 0x20 && byte != 0x7F) {
      out.push_back(text[at]);
    }
  }
  return out;
}

// At most so many bytes, without half a character at the end.
std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most);
}

}  // namespace

void SecretSet::add_one(std::string_view secret) {
  if (secret.size() < kShortest || std::find(secrets_.begin(), secrets_.end(), secret) != secrets_.end()) return;
  secrets_.emplace_back(secret);
  needles_.emplace_back(secret);
  constexpr std::string_view kUsual = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  constexpr std::string_view kUrlSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (std::size_t before : {0U, 1U, 2U}) {
    auto usual = base64_core(secret, before, kUsual);
    auto safe = base64_core(secret, before, kUrlSafe);
    if (safe != usual) needles_.push_back(std::move(safe));
    needles_.push_back(std::move(usual));
  }
}

void SecretSet::add(std::string_view secret) {
  add_one(secret);
  if (secret.find('%') != std::string_view::npos) {
    std::string decoded;
    for (std::size_t at = 0; at < secret.size();) {
      auto spelled = spelled_at(secret, at, Spelling::kUrl);
      decoded += secret[at] == '+' ? '+' : spelled.bytes[0];
      at += spelled.length;
    }
    add_one(decoded);
  }
  for (auto rest = secret;;) {
    auto end = rest.find_first_of("|-");
    add_one(rest.substr(0, end));
    if (end == std::string_view::npos) return;
    rest = rest.substr(end + 1);
  }
}

// The longest form of a secret that begins here; 0: none.
std::size_t SecretSet::match(std::string_view text, std::size_t at) const {
  std::size_t longest = 0;
  for (const auto& needle : needles_)
    for (auto spelling : {Spelling::kPlain, Spelling::kUrl, Spelling::kJson})
      longest = std::max(longest, match_spelled(text, at, needle, spelling));
  for (const auto& secret : secrets_) longest = std::max(longest, match_ends(text, at, secret));
  return longest;
}

std::string SecretSet::hide(std::string_view text) const {
  std::string current(text);
  // Taking one out may bring the halves of another together. Every round that finds something shortens the text.
  for (;;) {
    std::string out;
    for (std::size_t at = 0; at < current.size();) {
      if (auto length = match(current, at)) {
        out += kHidden;
        at += length;
      } else {
        out.push_back(current[at++]);
      }
    }
    if (out == current) return out;
    current = std::move(out);
  }
}

std::string_view SecretSet::without_cut_secret(std::string_view text) const {
  constexpr std::size_t kTelling = 4;
  std::size_t left_over = 0;
  for (const auto& needle : needles_)
    for (auto length = std::min(needle.size() - 1, text.size()); length >= kTelling && length > left_over; --length)
      if (text.ends_with(std::string_view(needle).substr(0, length))) left_over = length;
  return text.substr(0, text.size() - left_over);
}

std::string hide_key_shapes(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = 0;
    if (at == 0 || !is_alnum(text[at - 1])) end = std::max(shape_end(text, at), private_key_end(text, at));
    if (end > at) {
      out += kHidden;
      at = end;
      continue;
    }
    constexpr std::string_view kAuthority = "://";
    if (text.substr(at).starts_with(kAuthority)) {
      out += kAuthority;
      at += kAuthority.size();
      if (auto host = user_info_end(text, at)) {
        out += "***@";
        at = host;
      }
      continue;
    }
    out.push_back(text[at++]);
  }
  return out;
}

std::string scrub(std::string_view text, const SecretSet& secrets) {
  auto whole = without_control_characters(cut(text, kLongestForeignText));
  std::string_view kept = text.size() > kLongestForeignText ? secrets.without_cut_secret(whole) : whole;
  auto masked = mask_sensitive(hide_key_shapes(secrets.hide(kept)));
  return std::string(cut(masked, kLongestForeignText));
}

}  // namespace tollgate::core
