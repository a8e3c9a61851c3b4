#include "notify/curl_transport.h"

#include <curl/curl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>

namespace tollgate::notify {
namespace {

constexpr long kConnectMs = 5'000, kCallMs = 10'000, kMailMs = 30'000;
constexpr std::size_t kMostOfAnswer = 64 * 1024;

using Guard = std::function<bool(const core::IpAddress&, std::uint16_t port)>;

struct Free {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Handle = std::unique_ptr<CURL, Free>;

class List {
 public:
  void add(const std::string& line) {
    auto* longer = curl_slist_append(list_.get(), line.c_str());
    if (!longer) throw std::bad_alloc();
    list_.release();
    list_.reset(longer);
  }
  curl_slist* get() const { return list_.get(); }

 private:
  std::unique_ptr<curl_slist, Free> list_;
};

struct Opened {
  const Guard& guard;
  bool refused = false;
};

curl_socket_t open_socket(void* user, curlsocktype, curl_sockaddr* address) {
  auto& opened = *static_cast<Opened*>(user);
  core::IpAddress ip;
  std::uint16_t port = 0;
  if (address->family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address->addr, sizeof v4);
    ip.bytes[10] = ip.bytes[11] = 0xFF;
    std::memcpy(&ip.bytes[12], &v4.sin_addr, 4);
    port = ntohs(v4.sin_port);
  } else if (address->family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address->addr, std::min<std::size_t>(sizeof v6, address->addrlen));
    std::memcpy(ip.bytes.data(), &v6.sin6_addr, 16);
    port = ntohs(v6.sin6_port);
  }
  // One forbidden address and the name is not trusted with the others either.
  opened.refused = opened.refused || port == 0 || !opened.guard(ip, port);
  if (opened.refused) return CURL_SOCKET_BAD;
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

int watch(void* stopping, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<std::atomic<bool>*>(stopping)->load() ? 1 : 0;
}

std::size_t discard(char*, std::size_t size, std::size_t count, void* total) {
  auto& read = *static_cast<std::size_t*>(total);
  read += size * count;
  return read > kMostOfAnswer ? 0 : size * count;
}

std::size_t feed(char* out, std::size_t size, std::size_t count, void* rest) {
  auto& text = *static_cast<std::string_view*>(rest);
  const auto taken = std::min(size * count, text.size());
  std::memcpy(out, text.data(), taken);
  text.remove_prefix(taken);
  return taken;
}

// What every transfer has in common; the handle lives shorter than all that is passed.
Handle prepare(Opened& opened, std::atomic<bool>& stopping, std::size_t& answered, bool verify_tls, long limit_ms) {
  Handle handle(curl_easy_init());
  if (!handle) throw std::bad_alloc();
  auto* curl = handle.get();
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectMs);
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);  // a resolver that hangs is not waited for beyond the limit
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, limit_ms);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, verify_tls ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, verify_tls ? 2L : 0L);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &opened);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &stopping);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answered);
  return handle;
}

core::Result<void> failure(CURLcode code, const Opened& opened) {
  if (opened.refused) return core::error(core::Errc::kDenied, "request reject: address not allowed");
  // The fixed text of the code: the detailed one names hosts.
  return core::error(code == CURLE_OPERATION_TIMEDOUT ? core::Errc::kTimeout : core::Errc::kUnavailable,
                     curl_easy_strerror(code));
}

bool is_this_machine(std::string_view host) { return host == "localhost" || host == "127.0.0.1" || host == "::1"; }

}  // namespace

CurlTransport::CurlTransport(bool verify_tls) : verify_tls_(verify_tls) { curl_global_init(CURL_GLOBAL_DEFAULT); }
CurlTransport::~CurlTransport() { curl_global_cleanup(); }

core::Result<void> CurlTransport::call(const HttpCall& call, const core::FetchRules& rules) {
  if (stopping_) return core::error(core::Errc::kCancelled, "stopping");
  // A literal address in the URL was judged with its text; asked again as a name's it passes no further.
  const Guard guard = [&](const core::IpAddress& address, std::uint16_t port) {
    return call.by_operator ? !core::FetchRules::never(address) : rules.admits(address, port, true);
  };
  Opened opened{guard};
  std::size_t answered = 0;
  auto handle = prepare(opened, stopping_, answered, verify_tls_, kCallMs);
  auto* curl = handle.get();
  List headers;
  for (const auto& line : call.headers) headers.add(line);
  headers.add("Expect:");
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_URL, call.url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  if (call.method != "GET") {
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call.method.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call.body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
  }
  const auto code = curl_easy_perform(curl);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  // A long answer is an answer.
  if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && status != 0)) return failure(code, opened);
  if (status < 200 || status > 299) return core::error(core::Errc::kInvalid, fmt::format("status code: {}", status));
  return {};
}

core::Result<void> CurlTransport::mail(const Mail& mail) {
  if (stopping_) return core::error(core::Errc::kCancelled, "stopping");
  const Guard guard = [](const core::IpAddress& address, std::uint16_t) { return !core::FetchRules::never(address); };
  Opened opened{guard};
  std::size_t answered = 0;
  auto handle = prepare(opened, stopping_, answered, verify_tls_, kMailMs);
  auto* curl = handle.get();
  const auto host = mail.host.find(':') == std::string::npos ? mail.host : "[" + mail.host + "]";
  const auto url = fmt::format("{}://{}:{}/localhost", mail.implicit_tls ? "smtps" : "smtp", host, mail.port);
  List receivers;
  for (const auto& one : mail.to) receivers.add("<" + one + ">");
  const auto sender = "<" + mail.from + ">";
  std::string_view rest = mail.text;
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  // A password goes over an open line to this machine only.
  const bool in_the_clear = is_this_machine(mail.host);
  curl_easy_setopt(curl, CURLOPT_USE_SSL, static_cast<long>(in_the_clear ? CURLUSESSL_TRY : CURLUSESSL_ALL));
  if (!mail.account.empty()) {
    curl_easy_setopt(curl, CURLOPT_USERNAME, mail.account.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, mail.password.c_str());
    curl_easy_setopt(curl, CURLOPT_LOGIN_OPTIONS, mail.login_auth ? "AUTH=LOGIN" : "AUTH=PLAIN");
  }
  curl_easy_setopt(curl, CURLOPT_MAIL_FROM, sender.c_str());
  curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, receivers.get());
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, feed);
  curl_easy_setopt(curl, CURLOPT_READDATA, &rest);
  curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
  const auto code = curl_easy_perform(curl);
  if (code != CURLE_OK) return failure(code, opened);
  return {};
}

}  // namespace tollgate::notify
