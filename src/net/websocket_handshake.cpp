#include "net/websocket_handshake.h"

#include <openssl/evp.h>

#include <array>

#include "core/ascii.h"
#include "core/byte_text.h"
#include "core/random.h"

namespace tollgate::net {
namespace {

constexpr std::string_view kMagic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 §1.3
constexpr std::size_t kKeyBytes = 16;

// 16 bytes in base64: 22 characters and "==".
bool is_key(std::string_view text) {
  if (text.size() != 24 || !text.ends_with("==")) return false;
  for (char c : text.substr(0, 22)) {
    bool fine = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
    if (!fine) return false;
  }
  return true;
}

bool any_has_element(const HeaderList& headers, std::string_view name, std::string_view element) {
  for (const auto& header : headers.all())
    if (equals_ignoring_case(header.name, name) && has_element(header.value, element)) return true;
  return false;
}

}  // namespace

bool has_element(std::string_view list, std::string_view element) {
  while (!list.empty()) {
    auto comma = list.find(',');
    if (equals_ignoring_case(core::trimmed(list.substr(0, comma), core::kHttpBlanks), element)) return true;
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return false;
}

UpgradeAsked upgrade_asked(const RequestHead& head) {
  const auto& headers = head.headers;
  if (head.method != "GET" || head.minor_version == 0 || head.framing != BodyFraming::kNone ||
      !any_has_element(headers, "upgrade", "websocket") || !any_has_element(headers, "connection", "upgrade"))
    return UpgradeAsked::kNo;
  if (headers.find("sec-websocket-version").value_or("") != "13") return UpgradeAsked::kOtherVersion;
  if (headers.count("sec-websocket-key") != 1 || !is_key(*headers.find("sec-websocket-key")))
    return UpgradeAsked::kBadKey;
  return UpgradeAsked::kYes;
}

std::string websocket_accept(std::string_view key) {
  std::string text(key);
  text += kMagic;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  return core::base64_encode({reinterpret_cast<const char*>(digest.data()), size});
}

std::string new_websocket_key() {
  std::string bytes(kKeyBytes, '\0');
  core::random_bytes(bytes.data(), bytes.size());
  return core::base64_encode(bytes);
}

const char* why_not_open(const HeaderList& answer, std::string_view key, std::string_view offered) {
  if (!any_has_element(answer, "upgrade", "websocket") || !any_has_element(answer, "connection", "upgrade"))
    return "the upstream switches to another protocol";
  if (answer.find("sec-websocket-accept").value_or("") != websocket_accept(key))
    return "the upstream's Sec-WebSocket-Accept is wrong";
  if (answer.find("sec-websocket-extensions")) return "the upstream uses an extension that was not offered";
  if (auto chosen = answer.find("sec-websocket-protocol"); chosen && !has_element(offered, *chosen))
    return "the upstream chose a protocol that was not offered";
  return nullptr;
}

}  // namespace tollgate::net
