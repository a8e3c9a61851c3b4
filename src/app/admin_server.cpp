#include "app/admin_server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>

#include "app/command_line.h"
#include "app/unmatched.h"
#include "core/config_checks.h"
#include "core/log.h"
#include "net/http_client.h"

namespace tollgate::app {
namespace {

constexpr std::size_t kLongestSocketPath = 107;

std::string socket_path(const std::string& data_dir) {
  std::error_code ignored;
  return (std::filesystem::absolute(data_dir, ignored).lexically_normal() / "tollgate.sock").string();
}

net::awaitable<void> answer_starting(net::Exchange& exchange) {
  const bool live = exchange.head().path == "/livez";
  return answer_text(exchange, live ? 200 : 503, "text/plain; charset=utf-8", "starting");
}

// What is answered to GET /livez there, whole; nullopt when nobody listens or nothing comes in five seconds.
std::optional<std::string> ask(const sockaddr* address, socklen_t size) {
  int descriptor = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return std::nullopt;
  timeval limit{5, 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  std::optional<std::string> answer;
  if (::connect(descriptor, address, size) == 0) {
    constexpr std::string_view kRequest = "GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n";
    [[maybe_unused]] auto sent = ::send(descriptor, kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
    answer.emplace();
    char buffer[1024];
    for (ssize_t got; (got = ::read(descriptor, buffer, sizeof buffer)) > 0;)
      answer->append(buffer, static_cast<std::size_t>(got));
  }
  ::close(descriptor);
  return answer;
}

std::optional<std::string> ask_socket(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof name.sun_path) return std::nullopt;
  std::memcpy(name.sun_path, path.data(), path.size());
  return ask(reinterpret_cast<const sockaddr*>(&name), sizeof name);
}

std::optional<std::string> ask_address(const core::ListenAddress& where) {
  if (!where.path.empty()) return ask_socket(where.path);
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET6, where.host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(where.port);
    if (std::memcmp(&v6.sin6_addr, &in6addr_any, sizeof in6addr_any) == 0) v6.sin6_addr = in6addr_loopback;
    return ask(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  }
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(where.port);
  if (::inet_pton(AF_INET, where.host.c_str(), &v4.sin_addr) != 1 || v4.sin_addr.s_addr == htonl(INADDR_ANY))
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ask(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
}

}  // namespace

AdminServer::AdminServer(const std::string& data_dir, std::vector<std::string> listen, net::Resolver& resolver)
    : listen_(std::move(listen)), worker_(std::make_unique<net::Worker>(-1, resolver, net::UpstreamSettings{})) {
  if (auto path = socket_path(data_dir); path.size() <= kLongestSocketPath)
    listen_.push_back("unix:" + path + "?mode=0600");
  else
    core::log::warn("no admin socket: its path would be longer than {} bytes; use a shorter TOLLGATE_DATA_DIR",
                    kLongestSocketPath);
}

AdminServer::~AdminServer() { stop(); }

core::Result<void> AdminServer::start() {
  if (listen_.empty()) return {};
  net::ServerSettings settings;
  settings.listen = listen_;
  settings.max_connections = 256;
  server_ = std::make_unique<net::Server>(settings, std::vector{worker_.get()}, [this](net::Exchange& exchange) {
    return ready_.load(std::memory_order_acquire) ? answer_(exchange) : answer_starting(exchange);
  });
  if (auto bound = server_->bind(); !bound) return bound;
  worker_->start();
  return server_->listen();
}

void AdminServer::ready(Answer answer) {
  answer_ = std::move(answer);
  ready_.store(true, std::memory_order_release);
}

void AdminServer::stop() {
  if (!server_ || !worker_) return;
  worker_->stop();
  worker_->join();
  server_->close();
  worker_.reset();
}

int healthcheck(const std::string& data_dir, const std::vector<std::string>& listen, std::uint16_t port) {
  auto answer = ask_socket(socket_path(data_dir));
  if (!answer) {
    auto where = listen.empty() ? std::nullopt : core::parse_listen(listen.front());
    answer = ask_address(where ? *where : core::ListenAddress{.host = "*", .port = port, .path = {}});
  }
  auto body = answer ? answer->find("\r\n\r\n") : std::string::npos;
  if (body == std::string::npos) return std::printf("%s\n", answer ? "no answer" : "nobody listens"), kFailure;
  const bool well = answer->starts_with("HTTP/1.1 200");
  auto text = answer->substr(body + 4);
  std::printf("%s\n", well && text != "starting" ? "true" : text.c_str());
  return well ? kOk : kFailure;
}

}  // namespace tollgate::app
