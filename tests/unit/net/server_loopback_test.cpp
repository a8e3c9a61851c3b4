// The server over real sockets, with a raw client.
#include <atomic>
#include <future>
#include <thread>

#include "unit/net/loopback.h"

namespace tollgate::net {
namespace {

awaitable<void> echo(Exchange& exchange) {
  auto body = co_await exchange.read_body(1000);
  if (!body) {
    co_await exchange.answer(body.error().code == core::Errc::kTooLarge ? 413 : 400, {}, body.error().message);
    co_return;
  }
  std::string text(*body);
  co_await exchange.answer(200, {}, text);
}

std::string post(std::string_view body, std::string_view more = "") {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(more) + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

}  // namespace

TEST_F(Loopback, AProbeSeesAClientThatHungUpAndNotOneThatWaits) {
  std::promise<bool> waiting, gone;
  std::promise<void> hung_up;
  auto left = hung_up.get_future().share();
  start([&](Exchange& exchange) -> awaitable<void> {
    waiting.set_value(exchange.probe_client_gone());
    left.wait();
    gone.set_value(exchange.probe_client_gone());
    exchange.abort();
    co_return;
  });
  RawClient client(port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_FALSE(waiting.get_future().get());
  client.hang_up();
  hung_up.set_value();
  EXPECT_TRUE(gone.get_future().get());
}

TEST_F(Loopback, AClientThatTakesNothingIsDroppedSoonerWhenHurried) {
  std::promise<core::Errc> ended;
  std::function<void()> hurry;
  std::promise<void> writing;
  start([&](Exchange& exchange) -> awaitable<void> {
    hurry = [&exchange] { exchange.hurry(100ms); };
    std::string much(64U << 20U, 'x');
    exchange.start(200, {});
    writing.set_value();
    std::string_view pieces[] = {much};
    auto sent = co_await exchange.write(pieces);
    ended.set_value(sent ? core::Errc::kInternal : sent.error().code);
    exchange.abort();
  });
  RawClient client(port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  writing.get_future().get();
  list_.front()->post([&] { hurry(); });
  EXPECT_EQ(ended.get_future().get(), core::Errc::kTimeout);
}

TEST_F(Loopback, ServesAThousandRequestsOnOneConnection) {
  start(echo);
  RawClient client(port());
  for (int i = 0; i < 1000; ++i) {
    auto body = "body-" + std::to_string(i) + "!";
    client.send(post(body));
    auto answer = client.read_until("!");
    ASSERT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    ASSERT_TRUE(answer.ends_with("\r\n\r\n" + body)) << answer;
  }
}

TEST_F(Loopback, ClosesAConnectionBehindItsTenThousandthRequest) {
  start(echo);
  RawClient client(port());
  std::string hundred;
  for (int i = 0; i < 100; ++i) hundred += post("x!");
  for (int i = 0; i < 100; ++i) {
    client.send(hundred);
    for (int k = 0; k < (i < 99 ? 100 : 99); ++k)
      ASSERT_EQ(client.read_until("!").find("Connection: close"), std::string::npos) << i;
  }
  EXPECT_NE(client.read_all().find("Connection: close"), std::string::npos);
}

TEST_F(Loopback, TakesSoManyConnectionsOfOneAddressAndMoreWhenOneHasEnded) {
  start(echo, 2, 3);
  std::vector<std::unique_ptr<RawClient>> clients;
  auto served = [&] {
    clients.push_back(std::make_unique<RawClient>(port()));
    clients.back()->send(post("x!"));
    return clients.back()->read_until("!").ends_with("x!");
  };
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(served()) << i;
  EXPECT_FALSE(served());
  clients.clear();
  while (server_->open_connections() > 0) std::this_thread::yield();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(served()) << i;
  EXPECT_FALSE(served());
}

TEST_F(Loopback, ReadsABodyThatMeansNothingAndGoesOn) {
  start([](Exchange& exchange) -> awaitable<void> { co_await exchange.answer(200, {}, "fine!"); });
  RawClient client(port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n");
  client.send("{}GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  for (int i = 0; i < 2; ++i) {
    auto answer = client.read_until("!");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_EQ(answer.find("Connection: close"), std::string::npos) << answer;
  }
}

TEST_F(Loopback, ServesManyConnectionsOnTwoWorkers) {
  start(echo, 2);
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 64; ++t)
    threads.emplace_back([&] {
      RawClient client(port());
      for (int i = 0; i < 20; ++i) {
        client.send(post("x!"));
        if (client.read_until("x!").starts_with("HTTP/1.1 200")) ++good;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 64 * 20);
}

TEST_F(Loopback, AnswersPipelinedRequestsInOrder) {
  start(echo);
  RawClient client(port());
  client.send(post("one!") + post("two!") + post("three!"));
  EXPECT_TRUE(client.read_until("one!").ends_with("one!"));
  EXPECT_TRUE(client.read_until("two!").ends_with("two!"));
  EXPECT_TRUE(client.read_until("three!").ends_with("three!"));
}

TEST_F(Loopback, ReadsChunkedBodiesAndWhatFollowsThem) {
  start(echo);
  RawClient client(port());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  client.send("2\r\nd!\r\n0\r\n\r\n" + post("next!"));
  EXPECT_TRUE(client.read_until("abcd!").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(client.read_until("next!").starts_with("HTTP/1.1 200"));
}

TEST_F(Loopback, RefusesBodiesOverTheLimitAndBrokenHeads) {
  start(echo);
  RawClient large(port());
  large.send(post(std::string(2000, 'x')));
  EXPECT_TRUE(large.read_all().starts_with("HTTP/1.1 413"));
  RawClient broken(port());
  broken.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n");
  EXPECT_TRUE(broken.read_all().starts_with("HTTP/1.1 501"));
  RawClient endless(port());
  endless.send("GET / HTTP/1.1\r\nX: " + std::string(40'000, 'y'));
  EXPECT_TRUE(endless.read_all().starts_with("HTTP/1.1 431"));
}

TEST_F(Loopback, StreamsChunkedTo11AndUntilCloseTo10) {
  start([](Exchange& exchange) -> awaitable<void> {
    exchange.start(200, {});
    std::string_view one[] = {"ab", "c"};
    co_await exchange.write(one);
    std::string_view last[] = {"def"};
    co_await exchange.finish(last);
  });
  RawClient modern(port());
  modern.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(modern.read_until("0\r\n\r\n").ends_with("\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"));
  RawClient old(port());
  old.send("GET / HTTP/1.0\r\n\r\n");
  auto answer = old.read_all();
  EXPECT_TRUE(answer.ends_with("\r\n\r\nabcdef")) << answer;
  EXPECT_EQ(answer.find("chunked"), std::string::npos);
}

TEST_F(Loopback, WritesMorePiecesThanOneSystemCallTakes) {
  const std::vector<std::string_view> pieces(200, "abc");
  start([&](Exchange& exchange) -> awaitable<void> {
    exchange.start(200, {});
    co_await exchange.write(pieces);
    co_await exchange.finish(pieces);
  });
  RawClient client(port());
  client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  auto answer = client.read_until("nothing of the kind");
  EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, 2 * 200 * 3);
}

TEST_F(Loopback, S5_ASlowClientStopsTheHandlerAndNotTheMemory) {
  std::atomic<std::size_t> written{0};
  start([&](Exchange& exchange) -> awaitable<void> {
    std::string block(64 * 1024, 'x');
    exchange.start(200, {});
    for (int i = 0; i < 1600; ++i) {  // 100 MB
      std::string_view pieces[] = {block};
      auto sent = co_await exchange.write(pieces);
      if (!sent) co_return exchange.abort();
      written += block.size();
    }
    co_await exchange.finish();
  });
  RawClient client(port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  std::size_t before = 0;
  for (int i = 0; i < 50; ++i) {
    std::this_thread::sleep_for(50ms);
    if (written == before && before > 0) break;
    before = written;
  }
  // What the kernel buffers of both sockets hold, and no more.
  EXPECT_LT(written, 20U << 20U);
  client.hang_up();
}

TEST_F(Loopback, B3_AClientThatHangsUpIsNoticedWhileTheHandlerWaits) {
  std::promise<void> noticed;
  start([&](Exchange& exchange) -> awaitable<void> {
    bool gone = false;
    exchange.on_client_gone([&] { gone = true; });
    for (int i = 0; i < 100 && !gone; ++i) co_await sleep_for(50ms);
    if (gone && exchange.client_gone()) noticed.set_value();
    exchange.abort();
  });
  RawClient client(port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  std::this_thread::sleep_for(200ms);
  client.hang_up();
  EXPECT_EQ(noticed.get_future().wait_for(5s), std::future_status::ready);
}

TEST_F(Loopback, D3_StopAcceptingResetsNobody) {
  start(echo, 2);
  std::atomic<bool> running{true};
  std::atomic<int> good{0}, reset{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      while (running) {
        RawClient client(port());
        if (!client.connected()) continue;  // refused: a balancer would go to the next node
        client.send(post("x!"));
        auto answer = client.read_until("x!");
        if (answer.starts_with("HTTP/1.1 200"))
          ++good;
        else if (!answer.empty())
          ++reset;
      }
    });
  std::this_thread::sleep_for(200ms);
  auto taken = port();
  server_->stop_accepting();
  running = false;
  for (auto& thread : threads) thread.join();
  EXPECT_GT(good, 0);
  EXPECT_EQ(reset, 0);
  EXPECT_FALSE(RawClient(taken).connected());
}

TEST_F(Loopback, D3_ADrainedServerTakesItsAddressAgain) {
  start(echo, 2);
  const auto taken = port();
  for (int round = 0; round < 3; ++round) {
    server_->stop_accepting();
    EXPECT_TRUE(server_->draining());
    EXPECT_FALSE(RawClient(taken).connected());
    auto resumed = server_->resume();
    ASSERT_TRUE(resumed) << resumed.error().message;
    EXPECT_FALSE(server_->draining());
    RawClient client(taken);
    client.send(post("x!"));
    EXPECT_TRUE(client.read_until("x!").starts_with("HTTP/1.1 200"));
  }
}

TEST_F(Loopback, D3_IdleConnectionsOfBalancersAreGivenMoreTimeThanClients) {
  start(echo);
  RawClient client(port()), balancer(port());
  client.send(post("x!"));
  client.read_until("x!");
  balancer.send("POST / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nContent-Length: 2\r\n\r\nx!");
  balancer.read_until("x!");
  server_->begin_drain();
  server_->close_idle(0ms, 65s);
  EXPECT_EQ(client.read_all(), "");
  balancer.send(post("y!"));
  auto last = balancer.read_until("y!");
  EXPECT_NE(last.find("Connection: close"), std::string::npos) << last;
  EXPECT_EQ(balancer.read_all(), "");
}

TEST_F(Loopback, ReadsABodyPieceByPieceInEachFraming) {
  start([](Exchange& exchange) -> awaitable<void> {
    std::string body;
    std::size_t pieces = 0;
    for (;; ++pieces) {
      auto piece = co_await exchange.read_body_piece(300'000);
      if (!piece) {
        co_await exchange.answer(piece.error().code == core::Errc::kTooLarge ? 413 : 400, {}, piece.error().message);
        co_return;
      }
      if (piece->empty()) break;
      body += *piece;
    }
    std::string text = std::to_string(body.size()) + ":" + body.substr(0, 10) + ":" + std::to_string(pieces > 1);
    co_await exchange.answer(200, {}, text);
  });
  RawClient client(port());
  const std::string long_text(200'000, 'x');
  // All on one connection: each body is read to its end and not beyond.
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_NE(client.read_until("5:hello:0").find("200 OK"), std::string::npos);
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  EXPECT_NE(client.read_until("0::0").find("200 OK"), std::string::npos);
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + long_text);
  EXPECT_NE(client.read_until("200000:xxxxxxxxxx:1").find("200 OK"), std::string::npos);
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n");
  EXPECT_NE(client.read_until("6:hello!:").find("200 OK"), std::string::npos);
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_NE(client.read_until("100 Continue\r\n\r\n").find("HTTP/1.1 100"), std::string::npos);
  client.send("after");
  EXPECT_NE(client.read_until("5:after:0").find("200 OK"), std::string::npos);
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300001\r\n\r\n");
  EXPECT_NE(client.read_all().find("413"), std::string::npos);
}

}  // namespace tollgate::net
