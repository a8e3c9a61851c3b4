#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "core/random.h"
#include "model/channel.h"
#include "model/schema.h"

namespace tollgate::model {
namespace {

TEST(ChannelEdit, C2_TwoPeopleWhoSaveDifferentFieldsAtOnceLoseNothing) {
  const auto path = std::filesystem::temp_directory_path() / ("tg-edit-" + core::random_alphanumeric(12));
  std::filesystem::create_directories(path);
  {
    auto pool = *sql::open_sqlite((path / "db").string(), 4);
    core::ChannelId id;
    {
      auto db = *pool->lease();
      ASSERT_TRUE(migrate(*db));
      Channel row;
      row.key = "k";
      row.models = "m";
      id = *create_channel(*db, row);
    }
    constexpr int kEach = 50;
    std::thread first([&] {
      auto db = *pool->lease();
      for (int i = 0; i < kEach; ++i) ASSERT_TRUE(edit_channel(*db, id, [](Channel& c) { return ++c.priority > 0; }));
    });
    std::thread second([&] {
      auto db = *pool->lease();
      for (int i = 0; i < kEach; ++i) ASSERT_TRUE(edit_channel(*db, id, [](Channel& c) { return ++c.weight > 0; }));
    });
    first.join();
    second.join();
    auto stored = **find_channel(**pool->lease(), id);
    EXPECT_EQ(stored.priority, kEach);
    EXPECT_EQ(stored.weight, kEach);
    EXPECT_FALSE(edit_channel(**pool->lease(), id, [](Channel& c) { return ++c.weight < 0; })->has_value());
    EXPECT_EQ((*find_channel(**pool->lease(), id))->weight, kEach);
  }
  std::filesystem::remove_all(path);
}

}  // namespace
}  // namespace tollgate::model
