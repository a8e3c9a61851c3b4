// The upstream client over real sockets, with a scripted upstream.
#include <atomic>
#include <future>
#include <thread>

#include "net/http_client.h"
#include "unit/net/loopback.h"

namespace tollgate::net {

// An upstream that says what the test tells it to, one script a connection.
class ScriptedUpstream {
 public:
  using Script = std::function<void(int fd, int connection)>;
  explicit ScriptedUpstream(Script script) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, script = std::move(script)] {
      for (int fd; (fd = ::accept(listener_, nullptr, nullptr)) >= 0;) {
        script(fd, accepted_++);
        ::close(fd);
      }
    });
  }
  ~ScriptedUpstream() {
    ::shutdown(listener_, SHUT_RDWR);
    ::close(listener_);
    thread_.join();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/x"; }
  int accepted() const { return accepted_; }

  static std::string take_request(int fd) {
    std::string text;
    char bytes[4096];
    while (text.find("\r\n\r\n") == std::string::npos) {
      auto got = ::recv(fd, bytes, sizeof bytes, 0);
      if (got <= 0) return {};
      text.append(bytes, static_cast<std::size_t>(got));
    }
    return text;
  }
  static void say(int fd, std::string_view text) { (void)::send(fd, text.data(), text.size(), MSG_NOSIGNAL); }

 private:
  int listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_{0};
  std::thread thread_;
};

struct Outcome {
  int status = 0;
  bool sent = false;
  std::string body;
  std::optional<Failure> failure;
};

class UpstreamTest : public Loopback {
 protected:
  // One call on a worker, its body read to the end. `woken` is called every 100 ms while the head is waited for.
  Outcome call(const std::string& address, Timeouts timeouts = {}, const std::string& proxy = "",
               const std::function<void()>& woken = {}, BodySource* source = nullptr) {
    if (workers_.empty()) {
      workers_.push_back(std::make_unique<Worker>(0, resolver_, UpstreamSettings{}));
      workers_.back()->start();
    }
    std::promise<Outcome> done;
    auto& worker = *workers_.front();
    worker.post([&] {
      worker.spawn([](Worker& on, std::string where, Timeouts limits, std::string via, std::function<void()> wake,
                      const std::vector<std::string>* addresses, BodySource* from,
                      std::promise<Outcome>& result) -> awaitable<void> {
        Outcome outcome;
        auto url = *parse_url(where);
        std::optional<Url> proxy_url;
        if (!via.empty()) proxy_url = *parse_url(via);
        std::string_view pieces[] = {"he", "llo"};
        UpstreamRequest request;
        request.url = &url;
        if (!from) request.body = pieces;
        request.source = from;
        request.timeouts = limits;
        request.addresses = addresses;
        request.proxy = proxy_url ? &*proxy_url : nullptr;
        CallControl control;
        if (wake) {
          control.wake_at = [&on, at = on.wheel().now()]() mutable {
            return at = std::max(at, on.wheel().now()) + 100ms;
          };
          control.woken = [&wake]() -> awaitable<void> {
            wake();
            co_return;
          };
        }
        auto answered = co_await on.upstreams().send(request, control);
        outcome.sent = control.sent;
        if (!answered) {
          outcome.failure = answered.error();
        } else {
          outcome.status = (*answered)->status();
          for (;;) {
            auto got = co_await (*answered)->read();
            if (!got) outcome.failure = got.error();
            if (!got || got->empty()) break;
            outcome.body += *got;
          }
        }
        result.set_value(std::move(outcome));
      }(worker, address, timeouts, proxy, woken, pinned_, source, done));
    });
    return done.get_future().get();
  }

  const std::vector<std::string>* pinned_ = nullptr;  // of the calls from now on
};

TEST_F(UpstreamTest, ReusesItsConnection) {
  ScriptedUpstream upstream([](int fd, int) {
    for (;;) {
      auto request = ScriptedUpstream::take_request(fd);
      if (request.empty()) return;
      EXPECT_NE(request.find("Content-Length: 5\r\n"), std::string::npos);
      ScriptedUpstream::say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  for (int i = 0; i < 5; ++i) {
    auto outcome = call(upstream.url());
    EXPECT_FALSE(outcome.failure);
    EXPECT_EQ(outcome.body, "ok");
  }
  EXPECT_EQ(upstream.accepted(), 1);
  TearDown();  // the pooled connection closes, and with it the script
}

TEST_F(UpstreamTest, ConnectsToGivenAddressesWhateverTheNameAndKeepsNoConnection) {
  ScriptedUpstream upstream([](int fd, int) {
    auto request = ScriptedUpstream::take_request(fd);
    EXPECT_NE(request.find("Host: nobody.invalid:"), std::string::npos);
    ScriptedUpstream::say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  auto address = upstream.url();
  address.replace(address.find("127.0.0.1"), 9, "nobody.invalid");
  const std::vector<std::string> here{"127.0.0.1"};
  pinned_ = &here;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(call(address).body, "ok");
  EXPECT_EQ(upstream.accepted(), 3);
  EXPECT_EQ(workers_.front()->alive().idle_upstreams, 0);
}

TEST_F(UpstreamTest, RepeatsOnceOnAPooledConnectionThatWasClosed) {
  ScriptedUpstream upstream([](int fd, int connection) {
    ScriptedUpstream::take_request(fd);
    ScriptedUpstream::say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    // The first connection takes the second request and dies without a word.
    if (connection == 0) ScriptedUpstream::take_request(fd);
  });
  EXPECT_EQ(call(upstream.url()).body, "ok");
  auto second = call(upstream.url());
  EXPECT_FALSE(second.failure);
  EXPECT_EQ(second.body, "ok");
  EXPECT_EQ(upstream.accepted(), 2);
}

namespace {

// Pieces of 64 KiB, each of one letter; the last call ends with an error when told so.
class Letters : public BodySource {
 public:
  explicit Letters(std::size_t pieces, bool fails = false) : pieces_(pieces), fails_(fails) {}
  std::uint64_t size() const override { return pieces_ * kPiece; }
  void rewind() override { at_ = 0; }
  awaitable<core::Result<std::span<const std::string_view>>> next() override {
    if (at_ == pieces_ && fails_) co_return core::error(core::Errc::kInternal, "the disk is gone");
    if (at_ == pieces_) co_return std::span<const std::string_view>();
    text_.assign(kPiece, static_cast<char>('a' + at_++ % 26));
    view_ = text_;
    co_return std::span<const std::string_view>(&view_, 1);
  }
  std::size_t given() const { return at_; }
  std::string whole() const {
    std::string out;
    for (std::size_t i = 0; i < pieces_; ++i) out.append(kPiece, static_cast<char>('a' + i % 26));
    return out;
  }

 private:
  static constexpr std::size_t kPiece = 64 * 1024;
  std::size_t pieces_, at_ = 0;
  bool fails_;
  std::string text_;
  std::string_view view_;
};

// Head and body of one request.
std::string take_body(int fd, std::size_t size) {
  std::string text;
  std::vector<char> bytes(64 * 1024);
  while (text.size() < size + 4 || text.size() < text.find("\r\n\r\n") + 4 + size) {
    auto got = ::recv(fd, bytes.data(), bytes.size(), 0);
    if (got <= 0) return text;
    text.append(bytes.data(), static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace

TEST_F(UpstreamTest, SendsABodyFromASourceWithItsLengthAndAgainOnAnotherConnection) {
  Letters letters(40);
  const auto size = static_cast<std::size_t>(letters.size());
  std::promise<std::string> taken;
  ScriptedUpstream upstream([&](int fd, int connection) {
    auto request = take_body(fd, size);
    if (connection == 1) taken.set_value(request);
    ScriptedUpstream::say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    // The first connection takes a part of the second request and dies without a word.
    if (connection == 0) ScriptedUpstream::take_request(fd);
  });
  EXPECT_EQ(call(upstream.url(), {}, "", {}, &letters).body, "ok");
  auto second = call(upstream.url(), {}, "", {}, &letters);
  EXPECT_EQ(second.body, "ok");
  EXPECT_TRUE(second.sent);
  auto request = taken.get_future().get();
  EXPECT_NE(request.find("Content-Length: " + std::to_string(size) + "\r\n"), std::string::npos);
  EXPECT_TRUE(request.substr(request.find("\r\n\r\n") + 4) == letters.whole());
  TearDown();
}

TEST_F(UpstreamTest, HearsAnAnswerThatComesBeforeTheWholeBodyIsSent) {
  Letters letters(4000);  // 250 MiB
  ScriptedUpstream upstream([](int fd, int) {
    ScriptedUpstream::take_request(fd);
    ScriptedUpstream::say(fd, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
    // It reads on for a while, as servers do that answer early.
    std::vector<char> bytes(64 * 1024);
    while (::recv(fd, bytes.data(), bytes.size(), 0) > 0) continue;
  });
  auto outcome = call(upstream.url(), {}, "", {}, &letters);
  EXPECT_FALSE(outcome.failure) << outcome.failure->message;
  EXPECT_EQ(outcome.status, 413);
  EXPECT_EQ(outcome.body, "big");
  EXPECT_FALSE(outcome.sent);
  EXPECT_LT(letters.given(), 4000U);
  // The connection stands in the middle of a request.
  EXPECT_EQ(call(upstream.url(), {}, "", {}, &letters).status, 413);
  EXPECT_EQ(upstream.accepted(), 2);
  TearDown();
}

TEST_F(UpstreamTest, EndsACallWhoseSourceFails) {
  Letters letters(3, true);
  ScriptedUpstream upstream([](int fd, int) { take_body(fd, 1U << 30U); });
  auto outcome = call(upstream.url(), {}, "", {}, &letters);
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->code, core::Errc::kInternal);
  EXPECT_EQ(outcome.failure->message, "the disk is gone");
}

TEST_F(UpstreamTest, S4_EndsACallWhoseUpstreamTakesNothingOfALongBody) {
  Letters letters(4000);
  std::promise<void> over;
  ScriptedUpstream upstream([&](int fd, int) {
    ScriptedUpstream::take_request(fd);
    over.get_future().wait();
  });
  Timeouts timeouts;
  timeouts.gap = 200ms;
  auto outcome = call(upstream.url(), timeouts, "", {}, &letters);
  over.set_value();
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->code, core::Errc::kTimeout);
  EXPECT_EQ(outcome.failure->limit, TimeLimit::kGap);
}

TEST_F(UpstreamTest, S6_TellsEachFailureApart) {
  auto fails = [&](std::string_view answer, Timeouts limits = {}, bool linger = false) {
    ScriptedUpstream upstream([&](int fd, int) {
      ScriptedUpstream::take_request(fd);
      ScriptedUpstream::say(fd, answer);
      if (linger) {
        char byte;
        (void)::recv(fd, &byte, 1, 0);  // until the caller gives up
      }
    });
    auto outcome = call(upstream.url(), limits);
    EXPECT_TRUE(outcome.failure.has_value()) << answer;
    return outcome.failure.value_or(Failure{});
  };
  EXPECT_EQ(fails("").code, core::Errc::kClosed);
  EXPECT_EQ(fails("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort").code, core::Errc::kClosed);
  EXPECT_EQ(fails("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab").code, core::Errc::kClosed);
  EXPECT_EQ(fails("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").code, core::Errc::kInvalid);
  EXPECT_EQ(fails("SSH-2.0-x\r\n\r\n").code, core::Errc::kInvalid);
  auto first = fails("", {.first_byte = 300ms}, true);
  EXPECT_EQ(first.code, core::Errc::kTimeout);
  EXPECT_EQ(first.limit, TimeLimit::kFirstByte);
  auto gap = fails("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", {.gap = 300ms}, true);
  EXPECT_EQ(gap.limit, TimeLimit::kGap);
  auto total = fails("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", {.total = 300ms}, true);
  EXPECT_EQ(total.limit, TimeLimit::kTotal);
  EXPECT_EQ(call("http://127.0.0.1:1/").failure->code, core::Errc::kUnavailable);
}

TEST_F(UpstreamTest, B1_KnowsWhetherTheUpstreamHadTheRequest) {
  EXPECT_FALSE(call("http://127.0.0.1:1/").sent);
  ScriptedUpstream upstream([](int fd, int) { ScriptedUpstream::take_request(fd); });
  EXPECT_TRUE(call(upstream.url()).sent);
}

TEST_F(UpstreamTest, S4_WakesItsOwnerWhileTheHeadIsAwaitedAndStillKeepsTheLimit) {
  std::atomic<int> woken{0};
  ScriptedUpstream upstream([&](int fd, int connection) {
    ScriptedUpstream::take_request(fd);
    if (connection == 0) {
      while (woken < 3) std::this_thread::yield();
      ScriptedUpstream::say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    } else {
      char byte;
      (void)::recv(fd, &byte, 1, 0);
    }
  });
  EXPECT_EQ(call(upstream.url(), {}, "", [&] { ++woken; }).body, "ok");
  EXPECT_GE(woken, 3);
  auto late = call(upstream.url(), {.first_byte = 500ms}, "", [&] { ++woken; });
  EXPECT_EQ(late.failure.value().limit, TimeLimit::kFirstByte);
}

TEST_F(UpstreamTest, ReadsBodiesOfEachFraming) {
  auto reads = [&](std::string_view answer) {
    ScriptedUpstream upstream([&](int fd, int) {
      ScriptedUpstream::take_request(fd);
      ScriptedUpstream::say(fd, answer);
    });
    auto outcome = call(upstream.url());
    EXPECT_FALSE(outcome.failure) << answer;
    return outcome.body;
  };
  EXPECT_EQ(reads("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), "hello");
  EXPECT_EQ(reads("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
            "hello");
  EXPECT_EQ(reads("HTTP/1.0 200 OK\r\n\r\nhello"), "hello");
  EXPECT_EQ(reads("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), "hello");
}

TEST_F(UpstreamTest, ReachesItThroughProxies) {
  ScriptedUpstream http([](int fd, int) {
    auto request = ScriptedUpstream::take_request(fd);
    EXPECT_TRUE(request.starts_with("CONNECT upstream.test:8080 HTTP/1.1\r\n")) << request;
    EXPECT_NE(request.find("Proxy-Authorization: Basic dTpwQHNz\r\n"), std::string::npos) << request;
    ScriptedUpstream::say(fd, "HTTP/1.1 200 Established\r\n\r\n");
    ScriptedUpstream::take_request(fd);
    ScriptedUpstream::say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  auto via = http.url();
  EXPECT_EQ(call("http://upstream.test:8080/x", {}, "http://u:p%40ss@" + via.substr(7)).body, "ok");

  ScriptedUpstream socks([](int fd, int) {
    char bytes[512];
    EXPECT_EQ(::recv(fd, bytes, 4, MSG_WAITALL), 4);  // version, two methods
    ScriptedUpstream::say(fd, std::string_view("\x05\x02", 2));
    EXPECT_EQ(::recv(fd, bytes, 5, MSG_WAITALL), 5);  // \1 1 u 1 p
    EXPECT_EQ(std::string(bytes, 5), std::string("\x01\x01u\x01p", 5));
    ScriptedUpstream::say(fd, std::string_view("\x01\x00", 2));
    EXPECT_EQ(::recv(fd, bytes, 5 + 13 + 2, MSG_WAITALL), 20);
    EXPECT_EQ(std::string(bytes + 5, 13), "upstream.test");
    ScriptedUpstream::say(fd, std::string_view("\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50", 10));
    ScriptedUpstream::take_request(fd);
    ScriptedUpstream::say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  EXPECT_EQ(call("http://upstream.test:80/x", {}, "socks5://u:p@" + socks.url().substr(7)).body, "ok");
  ScriptedUpstream refusing([](int fd, int) {
    ScriptedUpstream::take_request(fd);
    ScriptedUpstream::say(fd, "HTTP/1.1 407 No\r\n\r\n");
  });
  EXPECT_EQ(call("http://upstream.test:80/x", {}, refusing.url()).failure->code, core::Errc::kDenied);
}

}  // namespace tollgate::net
