#include "redis/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>

#include "redis_server.h"

namespace tollgate::redis {
namespace {

using core::Errc;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::unique_ptr<Client> client_of(const std::string& url, Settings settings = {}) {
  settings.address = *parse_address(url);
  auto client = Client::start(std::move(settings));
  EXPECT_TRUE(client) << (client ? "" : client.error().message);
  return std::move(*client);
}

std::string text_of(const core::Result<Reply>& reply) {
  return reply ? reply->text : "error: " + reply.error().message;
}

TEST(RedisClient, SetsAndGetsAnyBytes) {
  RedisServer server;
  auto client = client_of(server.url());
  ASSERT_TRUE(client->await_first(seconds(3)));
  std::string bytes("a\r\n\0$3 b", 8);
  EXPECT_EQ(text_of(client->ask({"SET", "k", bytes})), "OK");
  EXPECT_EQ(text_of(client->ask({"GET", "k"})), bytes);
  auto none = client->ask({"GET", "absent"});
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->is_nil());
  auto wrong = client->ask({"LPUSH", "k", "x"});
  ASSERT_TRUE(wrong);
  EXPECT_TRUE(wrong->is_error("WRONGTYPE"));
  auto state = client->state();
  EXPECT_TRUE(state.connected);
  EXPECT_EQ(state.mode, Mode::kStandalone);
  EXPECT_EQ(state.server, server.socket());
}

TEST(RedisClient, AnswersEachOfManyCommandsWithItsOwnReply) {
  RedisServer server;
  auto client = client_of(server.url());
  ASSERT_TRUE(client->await_first(seconds(3)));
  std::atomic<int> right{0}, answered{0};
  for (int i = 0; i < 2000; ++i) {
    client->send({"ECHO", std::to_string(i)}, [&, i](const core::Result<Reply>& reply) {
      right += text_of(reply) == std::to_string(i);
      ++answered;
    });
  }
  EXPECT_TRUE(eventually([&] { return answered == 2000; }));
  EXPECT_EQ(right, 2000);
  EXPECT_EQ(client->state().connects, 1U);
}

TEST(RedisClient, EntersWithPasswordUserDatabaseAndName) {
  RedisServer server({"--requirepass", "p w@", "--user", "tollgate", "on", ">secret", "~*", "&*", "+@all"});
  Settings settings;
  settings.name = "tollgate:here";
  auto client = client_of("unix://tollgate:secret@" + server.socket() + "?db=3", settings);
  ASSERT_TRUE(client->await_first(seconds(3)));
  EXPECT_THAT(text_of(client->ask({"CLIENT", "LIST"})),
              ::testing::AllOf(::testing::HasSubstr("name=tollgate:here"), ::testing::HasSubstr("db=3"),
                               ::testing::HasSubstr("user=tollgate")));
  auto by_password = client_of("unix://:p%20w%40@" + server.socket());
  EXPECT_TRUE(by_password->await_first(seconds(3)));
}

TEST(RedisClient, GoesOnWithoutAPasswordThatTheServerDoesNotWant) {
  RedisServer server;
  auto client = client_of("unix://:needless@" + server.socket());
  EXPECT_TRUE(client->await_first(seconds(3)));
}

TEST(RedisClient, TellsARefusedPasswordFromAnAbsentServer) {
  RedisServer server({"--requirepass", "right"});
  for (const char* credentials : {":CANARY@", "nobody:CANARY@", ""}) {
    auto client = client_of("unix://" + std::string(credentials) + server.socket());
    auto first = client->await_first(seconds(3));
    ASSERT_FALSE(first);
    EXPECT_EQ(first.error().code, Errc::kDenied) << credentials;
    EXPECT_THAT(first.error().message, ::testing::Not(::testing::HasSubstr("CANARY")));
  }
  auto nowhere = client_of("unix:///nonexistent/redis.sock");
  auto first = nowhere->await_first(milliseconds(200));
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, Errc::kTimeout);
  auto asked = nowhere->ask({"GET", "k"});
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code, Errc::kUnavailable);
}

TEST(RedisClient, ComesBackWhenTheServerDoes) {
  RedisServer server;
  auto client = client_of(server.url());
  ASSERT_TRUE(client->await_first(seconds(3)));
  std::mutex mutex;
  std::vector<std::string> run_ids;
  client->on_connected([&](std::string_view id) {
    std::lock_guard lock(mutex);
    run_ids.emplace_back(id);
  });
  server.kill();
  EXPECT_TRUE(eventually([&] { return !client->state().connected; }));
  EXPECT_FALSE(client->ask({"GET", "k"}));
  server.start();
  EXPECT_TRUE(eventually([&] { return bool(client->ask({"GET", "k"})); }));
  std::lock_guard lock(mutex);
  ASSERT_EQ(run_ids.size(), 2U);
  EXPECT_EQ(run_ids[0].size(), 40U);
  EXPECT_NE(run_ids[0], run_ids[1]);
}

// Of a frozen server only the commands under way wait, for no longer than the limit; all others fail at once.
TEST(RedisClient, R1_WaitsForAFrozenServerOnce) {
  RedisServer server;
  Settings settings;
  settings.command_timeout = milliseconds(300);
  auto client = client_of(server.url(), settings);
  ASSERT_TRUE(client->await_first(seconds(3)));
  server.freeze();
  auto first = client->ask({"GET", "k"});
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, Errc::kTimeout);
  EXPECT_TRUE(eventually([&] { return !client->state().connected; }));
  for (int i = 0; i < 100; ++i) {
    auto next = client->ask({"GET", "k"});
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code, Errc::kUnavailable);
  }
  EXPECT_EQ(client->state().timed_out, 1U);
  server.thaw();
  EXPECT_TRUE(eventually([&] { return bool(client->ask({"GET", "k"})); }));
}

TEST(RedisClient, RunsScriptsThatTheServerHasForgotten) {
  RedisServer server;
  auto client = client_of(server.url());
  ASSERT_TRUE(client->await_first(seconds(3)));
  static const Script kAdd("return redis.call('INCRBY', KEYS[1], ARGV[1])");
  EXPECT_EQ(kAdd.digest().size(), 40U);
  for (int i = 1; i <= 3; ++i) {
    auto sum = client->run_and_wait(kAdd, "n", {"5"});
    ASSERT_TRUE(sum);
    EXPECT_EQ(sum->integer, 5 * i) << sum->text;
    EXPECT_EQ(text_of(client->ask({"SCRIPT", "FLUSH"})), "OK");
  }
}

TEST(RedisClient, HearsWhatIsPublishedAlsoAfterTheServerWasAway) {
  RedisServer server;
  Settings settings;
  settings.prefix = "p:";
  auto client = client_of(server.url(), settings);
  ASSERT_TRUE(client->await_first(seconds(3)));
  EXPECT_TRUE(client->state().listening);
  std::mutex mutex;
  std::vector<std::string> heard;
  std::atomic<int> joined{0};
  client->subscribe({.channel = "tg:ch",
                     .heartbeat = "beat",
                     .message =
                         [&](std::string_view text) {
                           std::lock_guard lock(mutex);
                           heard.emplace_back(text);
                         },
                     .joined = [&] { ++joined; }});
  ASSERT_TRUE(eventually([&] { return joined == 1; }));
  EXPECT_TRUE(client->state().listening);
  EXPECT_EQ(client->key("tg:ch"), "p:tg:ch");
  EXPECT_EQ(client->ask({"PUBLISH", "p:tg:ch", "beat"})->integer, 1);
  EXPECT_EQ(client->ask({"PUBLISH", "p:tg:ch", "one"})->integer, 1);
  auto heard_are = [&](std::vector<std::string> wanted) {
    return eventually([&] {
      std::lock_guard lock(mutex);
      return heard == wanted;
    });
  };
  EXPECT_TRUE(heard_are({"one"})) << ::testing::PrintToString(heard);
  server.kill();
  EXPECT_TRUE(eventually([&] { return !client->state().listening; }));
  server.start();
  ASSERT_TRUE(eventually([&] { return joined == 2; }));
  EXPECT_TRUE(eventually([&] { return bool(client->ask({"PUBLISH", "p:tg:ch", "two"})); }));
  EXPECT_TRUE(heard_are({"one", "two"})) << ::testing::PrintToString(heard);
}

// What chaos row 18 does: the server lives and takes commands, but nothing comes from it to the one who listens.
TEST(RedisClient, NoticesThatNothingIsHeardAnyMore) {
  RedisServer server;
  Settings settings;
  settings.name = "listener";
  settings.silence = milliseconds(600);
  auto client = client_of(server.url(), settings);
  ASSERT_TRUE(client->await_first(seconds(3)));
  std::atomic<int> joined{0};
  client->subscribe({.channel = "c", .heartbeat = "beat", .message = {}, .joined = [&] { ++joined; }});
  ASSERT_TRUE(eventually([&] { return joined == 1; }));
  auto listener = [&] {
    auto clients = client->ask({"CLIENT", "LIST", "TYPE", "pubsub"})->text;
    return clients.substr(0, clients.find(' '));
  };
  // Heartbeats keep it for longer than the silence that would end it.
  auto first = listener();
  EXPECT_TRUE(eventually([&] { return client->state().commands > 8; }));
  EXPECT_EQ(listener(), first);
  // A user without the right to publish there sends heartbeats that nobody hears.
  ASSERT_EQ(text_of(client->ask({"ACL", "SETUSER", "default", "-publish"})), "OK");
  EXPECT_TRUE(eventually([&] { return joined >= 2; }));
  EXPECT_NE(listener(), first);
}

TEST(RedisClient, AnswersWhatWaitsWhenItEnds) {
  RedisServer server;
  auto client = client_of(server.url());
  ASSERT_TRUE(client->await_first(seconds(3)));
  server.freeze();
  std::promise<Errc> answer;
  client->send({"GET", "k"}, [&](const core::Result<Reply>& reply) { answer.set_value(reply.error().code); });
  client.reset();
  EXPECT_EQ(answer.get_future().get(), Errc::kCancelled);
  server.thaw();
}

}  // namespace
}  // namespace tollgate::redis
