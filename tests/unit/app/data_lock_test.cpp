#include "app/data_lock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

namespace tollgate::app {
namespace {

TEST(DataLock, REQ_CL_01_IsHeldByOneAndNamesIt) {
  char name[] = "/tmp/tollgate-lock-XXXXXX";
  std::string dir = ::mkdtemp(name);
  {
    auto first = DataLock::take(dir + "/data");
    ASSERT_TRUE(first) << first.error().message;
    auto second = DataLock::take(dir + "/data");
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().message.find("(pid " + std::to_string(::getpid()) + ")"), std::string::npos)
        << second.error().message;
  }
  EXPECT_TRUE(DataLock::take(dir + "/data"));
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace tollgate::app
