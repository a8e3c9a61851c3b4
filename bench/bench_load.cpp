// bench_load --to 127.0.0.1:PORT --path /v1/… --body FILE [--header 'Name: value']… [--connections 64]
//            [--seconds 4 | --count 1000] [--idle | --drip]
//
// Keeps so many connections busy with one request each, again and again, and prints one line of JSON: requests, events,
// errors, bytes, seconds and the times of requests. With --idle each connection asks once; when every one of them has
// its first event it prints "ready N" and holds them open until standard input ends. With --drip each connection asks
// once, and a byte a second is all it takes of its answer, until standard input ends.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "answer_reader.h"

namespace tollgate::bench {
namespace {

using Clock = std::chrono::steady_clock;

// A source address holds some 28,000 ports to one destination; beyond that the next of 127.0.0.0/8 is taken.
constexpr size_t kPortsPerAddress = 20'000;

struct Options {
  std::string host;
  uint16_t port = 0;
  std::string path, body, headers;
  size_t connections = 64;
  double seconds = 4;
  uint64_t count = 0;  // 0: by time
  bool idle = false;
  bool drip = false;
};

struct Connection {
  int fd = -1;
  Clock::time_point start;
  AnswerReader reader;
  uint64_t counted = 0;  // events of this answer already in the total
};

class Load {
 public:
  explicit Load(Options options) : options_(std::move(options)) {
    request_ = "POST " + options_.path + " HTTP/1.1\r\nHost: " + options_.host +
               "\r\nContent-Type: application/json\r\n" + options_.headers +
               "Content-Length: " + std::to_string(options_.body.size()) + "\r\n\r\n" + options_.body;
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
  }

  int run() {
    begin_ = Clock::now();
    connections_.reserve(options_.connections);
    for (size_t i = 0; i < options_.connections; ++i) {
      connections_.push_back(std::make_unique<Connection>());
      connect(i);
      // Idle streams are opened in steps, so that no listen queue runs over.
      while (options_.idle && waiting_ >= 128 && broken_ == 0) turn();
    }
    if (options_.drip) return drip();
    while (open_ > 0 && !(options_.idle && waiting_ == 0)) turn();
    if (options_.idle) return hold();
    report();
    return done_ > 0 && broken_ * 100 <= done_ ? 0 : 1;
  }

 private:
  bool finished() const {
    if (options_.count > 0) return begun_ >= options_.count;
    return std::chrono::duration<double>(Clock::now() - begin_).count() >= options_.seconds;
  }

  void connect(size_t i) {
    Connection& c = *connections_[i];
    c = Connection();
    c.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<uint32_t>(i / kPortsPerAddress));
    int on = 1;
    int small = 4096;
    if (options_.drip) setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    setsockopt(c.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bind(c.fd, reinterpret_cast<sockaddr*>(&from), sizeof from);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(options_.port);
    inet_pton(AF_INET, options_.host.c_str(), &to.sin_addr);
    if (c.fd < 0 || ::connect(c.fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
      std::perror("bench_load: connect");
      std::exit(1);
    }
    timeval patience{10, 0};  // only writing may block: a request is small beside the socket's buffer
    setsockopt(c.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event);
    ++open_;
    ask(c);
  }

  void ask(Connection& c) {
    c.reader.reset();
    c.counted = 0;
    c.start = Clock::now();
    ++begun_;
    if (options_.idle) ++waiting_;
    for (size_t sent = 0; sent < request_.size();) {
      const ssize_t n = send(c.fd, request_.data() + sent, request_.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;  // the read that follows sees why
      sent += static_cast<size_t>(n);
    }
  }

  void turn() {
    static std::array<epoll_event, 256> events;
    const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 10'000);
    if (n == 0) {
      std::fprintf(stderr, "bench_load: nothing came for 10 s\n");
      std::exit(1);
    }
    for (int i = 0; i < n; ++i) read(static_cast<size_t>(events[static_cast<size_t>(i)].data.u64));
  }

  void read(size_t i) {
    static std::array<char, 256 * 1024> buffer;
    Connection& c = *connections_[i];
    const ssize_t n = recv(c.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0 || !c.reader.take({buffer.data(), static_cast<size_t>(n)})) return lost(i);
    bytes_ += static_cast<uint64_t>(n);
    if (options_.idle && c.counted == 0 && c.reader.events() > 0) --waiting_;
    events_ += c.reader.events() - c.counted;
    c.counted = c.reader.events();
    if (!c.reader.complete()) return;
    if (c.reader.status() != 200) {
      if (errors_++ == 0) std::fprintf(stderr, "bench_load: status %d\n", c.reader.status());
    } else {
      times_.push_back(std::chrono::duration<float, std::micro>(Clock::now() - c.start).count());
    }
    ++done_;
    if (finished()) return close(c);
    if (c.reader.keep_alive()) return ask(c);
    close(c);
    connect(i);
  }

  void lost(size_t i) {
    if (broken_++ == 0) std::fprintf(stderr, "bench_load: a connection broke off\n");
    close(*connections_[i]);
    if (broken_ > 100 || options_.idle) {
      std::fprintf(stderr, "bench_load: too many connections broke off\n");
      std::exit(1);
    }
    if (!finished()) connect(i);
  }

  void close(Connection& c) {
    ::close(c.fd);
    c.fd = -1;
    --open_;
  }

  int hold() {
    std::printf("ready %zu\n", connections_.size());
    std::fflush(stdout);
    std::array<char, 64> rest{};
    while (::read(STDIN_FILENO, rest.data(), rest.size()) > 0) {
    }
    return 0;
  }

  // The second as one sweep over all connections.
  int drip() {
    std::printf("ready %zu\n", connections_.size());
    std::fflush(stdout);
    for (pollfd input{STDIN_FILENO, POLLIN, 0}; poll(&input, 1, 1000) == 0;)
      for (const auto& c : connections_) {
        char byte = 0;
        if (recv(c->fd, &byte, 1, MSG_DONTWAIT) == 1) ++bytes_;
      }
    std::printf("%llu bytes\n", static_cast<unsigned long long>(bytes_));
    return 0;
  }

  void report() {
    const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    std::sort(times_.begin(), times_.end());
    auto at = [&](double share) {
      return times_.empty() ? 0.0 : double{times_[static_cast<size_t>(share * static_cast<double>(times_.size() - 1))]};
    };
    std::printf(
        "{\"requests\":%llu,\"events\":%llu,\"errors\":%llu,\"broken\":%llu,\"bytes\":%llu,\"seconds\":%.3f,"
        "\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
        static_cast<unsigned long long>(done_), static_cast<unsigned long long>(events_),
        static_cast<unsigned long long>(errors_), static_cast<unsigned long long>(broken_),
        static_cast<unsigned long long>(bytes_), seconds, at(0.5), at(0.99));
  }

  Options options_;
  std::string request_;
  int epoll_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;
  Clock::time_point begin_;
  size_t open_ = 0, waiting_ = 0;
  uint64_t begun_ = 0, done_ = 0, events_ = 0, errors_ = 0, broken_ = 0, bytes_ = 0;
  std::vector<float> times_;
};

template <class Number>
bool number(std::string_view text, Number& out) {
  return std::from_chars(text.data(), text.data() + text.size(), out).ec == std::errc();
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--idle" || name == "--drip") {
      (name == "--idle" ? options.idle : options.drip) = true;
      continue;
    }
    if (++i == argc) return false;
    const std::string_view value = argv[i];
    if (name == "--to") {
      const size_t colon = value.rfind(':');
      if (colon == value.npos || !number(value.substr(colon + 1), options.port)) return false;
      options.host = value.substr(0, colon);
    } else if (name == "--path") {
      options.path = value;
    } else if (name == "--header") {
      options.headers += std::string(value) + "\r\n";
    } else if (name == "--body") {
      std::ifstream file{std::string(value), std::ios::binary};
      if (!file) return false;
      std::ostringstream text;
      text << file.rdbuf();
      options.body = text.str();
    } else if (name == "--connections") {
      if (!number(value, options.connections)) return false;
    } else if (name == "--seconds") {
      if (!number(value, options.seconds)) return false;
    } else if (name == "--count") {
      if (!number(value, options.count)) return false;
    } else {
      return false;
    }
  }
  return options.port != 0 && !options.path.empty();
}

}  // namespace
}  // namespace tollgate::bench

int main(int argc, char** argv) {
  tollgate::bench::Options options;
  if (!tollgate::bench::parse(argc, argv, options)) {
    std::fprintf(stderr,
                 "usage: bench_load --to HOST:PORT --path PATH --body FILE [--header LINE]… [--connections N]"
                 " [--seconds S | --count N] [--idle | --drip]\n");
    return 2;
  }
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  std::signal(SIGPIPE, SIG_IGN);
  return tollgate::bench::Load(std::move(options)).run();
}
