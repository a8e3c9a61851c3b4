#include "core/timed_lru.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace tollgate::core {
namespace {

using namespace std::chrono_literals;

constexpr SteadyTime kNow{100s};

void put(TimedLru<int>& map, std::string_view key, int value, SteadyTime until = kNow + 10s, std::size_t most = 1600) {
  map.update(key, kNow, until, most, [&](int& old) { old = value; });
}

}  // namespace

TEST(TimedLru, ForgetsWhatHasHadItsTime) {
  TimedLru<int> map;
  put(map, "a", 1);
  EXPECT_EQ(map.find("a", kNow + 9s), 1);
  EXPECT_EQ(map.find("a", kNow + 10s), std::nullopt);
  EXPECT_EQ(map.find("a", kNow), std::nullopt);
}

TEST(TimedLru, LetsChangesSeeWhatIsThereAndBeginsAnewBehindItsTime) {
  TimedLru<int> map;
  auto add = [&](SteadyTime now) { map.update("a", now, now + 10s, 1600, [](int& value) { ++value; }); };
  add(kNow);
  add(kNow + 5s);
  EXPECT_EQ(map.find("a", kNow + 12s), 2);
  add(kNow + 30s);
  EXPECT_EQ(map.find("a", kNow + 30s), 1);
}

TEST(TimedLru, DropsWhatWasUsedLongestAgo) {
  TimedLru<int> map;
  // Room for two in each part.
  for (int i = 0; i < 1000; ++i) {
    put(map, "kept", 1, kNow + 10s, 32);
    put(map, std::to_string(i), i, kNow + 10s, 32);
  }
  std::set<std::string, std::less<>> keys;
  map.each_key(kNow, [&](std::string_view key) { keys.emplace(key); });
  EXPECT_LE(keys.size(), 32U);
  EXPECT_TRUE(keys.contains("kept"));
}

TEST(TimedLru, ErasesByKey) {
  TimedLru<int> map;
  put(map, "rule:a", 1);
  put(map, "rule:b", 1);
  put(map, "other:a", 1);
  EXPECT_EQ(map.erase_if([](std::string_view key) { return key.starts_with("rule:"); }), 2U);
  EXPECT_EQ(map.find("rule:a", kNow), std::nullopt);
  EXPECT_EQ(map.find("other:a", kNow), 1);
}

TEST(TimedLru, CountsFromSeveralThreads) {
  TimedLru<int> map;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) map.update("n", kNow, kNow + 10s, 1600, [](int& value) { ++value; });
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(map.find("n", kNow), 4000);
}

}  // namespace tollgate::core
