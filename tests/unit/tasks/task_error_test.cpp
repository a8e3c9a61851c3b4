#include "tasks/task_error.h"

#include <gtest/gtest.h>

namespace tollgate::tasks {
namespace {

TEST(TaskError, WhichFailuresAnotherChannelMayMend) {
  auto retries = [](int status, bool local) {
    return may_retry({.status = status, .code = "", .message = "", .local = local});
  };
  for (int status : {429, 307, 500, 502, 503, 401, 403, 404}) EXPECT_TRUE(retries(status, false)) << status;
  for (int status : {400, 408, 504, 524, 200, 201}) EXPECT_FALSE(retries(status, false)) << status;
  for (int status : {400, 403, 500, 501}) EXPECT_FALSE(retries(status, true)) << status;
}

}  // namespace
}  // namespace tollgate::tasks
