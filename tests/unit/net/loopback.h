// Real sockets on the loopback: a server on its workers, and a raw client.
#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_client.h"
#include "net/http_server.h"
#include "net/resolver.h"
#include "net/worker.h"

namespace tollgate::net {

using namespace std::chrono_literals;

inline int connect_to(std::uint16_t port) {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  timeval limit{10, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd);
    return -1;
  }
  return fd;
}

// A blocking client that reads until it has what it waits for.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(connect_to(port)) {}
  ~RawClient() { hang_up(); }
  bool connected() const { return fd_ >= 0; }
  void send(std::string_view text) {
    while (!text.empty()) {
      auto sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  // Up to and with `mark`, or everything until the end.
  std::string read_until(std::string_view mark) {
    for (;;) {
      if (auto at = buffer_.find(mark); !mark.empty() && at != std::string::npos) {
        auto text = buffer_.substr(0, at + mark.size());
        buffer_.erase(0, at + mark.size());
        return text;
      }
      char bytes[4096];
      auto got = ::recv(fd_, bytes, sizeof bytes, 0);
      if (got <= 0) return std::exchange(buffer_, {}) + (got < 0 ? "<reset>" : "");
      buffer_.append(bytes, static_cast<std::size_t>(got));
    }
  }
  std::string read_all() { return read_until(""); }
  void hang_up() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
  std::string buffer_;
};

class Loopback : public ::testing::Test {
 protected:
  void start(Handler handler, int workers = 1, std::size_t per_address = 512) {
    UpstreamSettings upstream;
    for (int i = 0; i < workers; ++i) {
      workers_.push_back(std::make_unique<Worker>(i, resolver_, upstream));
      list_.push_back(workers_.back().get());
    }
    ServerSettings settings;
    settings.listen = {"127.0.0.1:0"};
    settings.body_timeout = 500ms;
    settings.max_connections_per_address = per_address;
    server_ = std::make_unique<Server>(settings, list_, std::move(handler));
    ASSERT_TRUE(server_->bind());
    for (auto& worker : workers_) worker->start();
    ASSERT_TRUE(server_->listen());
  }
  void TearDown() override {
    for (auto& worker : workers_) worker->stop();
    for (auto& worker : workers_) worker->join();
    if (server_) server_->close();
    workers_.clear();
  }
  std::uint16_t port() const { return server_->port(); }

  Resolver resolver_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<Worker*> list_;
  std::unique_ptr<Server> server_;
};

}  // namespace tollgate::net
