#include "notify/mail.h"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>

#include "core/byte_text.h"

namespace tollgate::notify {
namespace {

constexpr std::string_view kLoginServers[] = {"smtp.sendcloud.net", "smtp.azurecomm.net"};

std::string encoded_word(std::string_view text) { return "=?UTF-8?B?" + core::base64_encode(text) + "?="; }

std::string display_name(std::string_view name) {
  const bool plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ' || c == '-' ||
           c == '_';
  });
  return plain ? std::string(name) : encoded_word(name);
}

bool usable(std::string_view address) {
  return address.find('@') != std::string_view::npos && std::ranges::none_of(address, [](char c) {
           return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == '<' || c == '>';
         });
}

// Lines of at most 76 characters (RFC 2045 §6.8): no text can break a limit of SMTP or stand as a command.
std::string body_lines(std::string_view html) {
  const auto all = core::base64_encode(html);
  std::string out;
  for (std::size_t at = 0; at < all.size(); at += 76) out += all.substr(at, 76) + "\r\n";
  return out;
}

}  // namespace

core::Result<Mail> compose_mail(const core::Options& options, std::string_view receivers, std::string_view subject,
                                std::string_view html, core::SystemTime now, std::string_view unique) {
  auto wrong = [](const char* what) { return core::error(core::Errc::kInvalid, what); };
  Mail mail;
  mail.host = options.text("SMTPServer");
  mail.account = options.text("SMTPAccount");
  mail.password = options.text("SMTPToken");
  mail.from = options.text("SMTPFrom").empty() ? mail.account : options.text("SMTPFrom");
  const auto port = options.integer("SMTPPort");
  if (!usable(mail.from)) return wrong("invalid SMTP account");
  if (mail.host.empty() && mail.account.empty()) return wrong("SMTP 服务器未配置");
  if (port < 1 || port > 65535) return wrong("SMTPPort is no port");
  mail.port = static_cast<std::uint16_t>(port);
  mail.implicit_tls = port == 465 || options.boolean("SMTPSSLEnabled");
  mail.login_auth = mail.account.find("outlook") != std::string::npos ||
                    mail.account.find("onmicrosoft") != std::string::npos ||
                    std::ranges::find(kLoginServers, mail.host) != std::end(kLoginServers);

  std::string to;
  for (auto rest = receivers; !rest.empty();) {
    const auto end = rest.find(';');
    const auto one = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (one.empty()) continue;
    if (!usable(one)) return wrong("invalid e-mail address");
    mail.to.emplace_back(one);
    to += (to.empty() ? "" : ", ") + std::string(one);
  }
  if (mail.to.empty()) return wrong("no e-mail address");

  const auto seconds = std::chrono::system_clock::to_time_t(now);
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  mail.text = fmt::format(
      "To: {}\r\nFrom: {} <{}>\r\nSubject: {}\r\nDate: {:%a, %d %b %Y %H:%M:%S +0000}\r\nMessage-ID: <{}.{}@{}>\r\n"
      "MIME-Version: 1.0\r\nContent-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\n\r\n",
      to, display_name(options.text("SystemName")), mail.from, encoded_word(subject), fmt::gmtime(seconds), nanos,
      unique, mail.from.substr(mail.from.find('@') + 1));
  mail.text += body_lines(html);
  return mail;
}

}  // namespace tollgate::notify
