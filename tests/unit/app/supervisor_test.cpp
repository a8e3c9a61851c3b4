#include "app/supervisor.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace tollgate::app {
namespace {

using namespace std::chrono_literals;

// A socket as systemd has it.
class Manager {
 public:
  Manager() : descriptor_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path_ = "/tmp/tollgate-notify-" + std::to_string(::getpid());
    std::memcpy(name.sun_path, path_.data(), path_.size());
    ::unlink(path_.c_str());
    EXPECT_EQ(::bind(descriptor_, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    timeval limit{5, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  }
  ~Manager() {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    ::close(descriptor_);
    ::unlink(path_.c_str());
  }
  std::string next() {
    char text[256];
    auto got = ::recv(descriptor_, text, sizeof text, 0);
    return {text, got > 0 ? static_cast<std::size_t>(got) : 0};
  }

 private:
  int descriptor_;
  std::string path_;
};

TEST(Supervisor, D3_IsToldOfReadinessStoppingAndMoreTime) {
  Manager manager;
  Supervisor supervisor;
  supervisor.say("READY=1");
  EXPECT_EQ(manager.next(), "READY=1");
  supervisor.extend(30s);
  EXPECT_EQ(manager.next(), "EXTEND_TIMEOUT_USEC=30000000");
}

TEST(Supervisor, FeedsTheWatchdogWhileTheNodeLives) {
  Manager manager;
  ::setenv("WATCHDOG_USEC", "30000", 1);
  std::atomic<bool> live{true};
  std::atomic<int> asked_when_stuck{0};
  Supervisor supervisor;
  supervisor.watch([&]() -> std::string {
    if (live) return "";
    ++asked_when_stuck;
    return "net-0 is stuck";
  });
  EXPECT_EQ(manager.next(), "WATCHDOG=1");
  EXPECT_EQ(manager.next(), "WATCHDOG=1");
  live = false;
  while (asked_when_stuck == 0) std::this_thread::yield();
  supervisor.say("end");
  for (auto text = manager.next(); text != "end"; text = manager.next()) ASSERT_EQ(text, "WATCHDOG=1");
}

TEST(Supervisor, SaysNothingWithoutASocket) {
  ::unsetenv("NOTIFY_SOCKET");
  Supervisor supervisor;
  supervisor.say("READY=1");
  supervisor.watch([] { return std::string(); });
}

}  // namespace
}  // namespace tollgate::app
