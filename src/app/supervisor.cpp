#include "app/supervisor.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "core/config.h"
#include "core/log.h"

namespace tollgate::app {

Supervisor::Supervisor() {
  if (const char* path = std::getenv("NOTIFY_SOCKET")) socket_ = path;
}

Supervisor::~Supervisor() = default;

void Supervisor::say(std::string_view state) const {
  sockaddr_un name{};
  if (socket_.empty() || socket_.size() >= sizeof name.sun_path) return;
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, socket_.data(), socket_.size());
  if (socket_.front() == '@') name.sun_path[0] = '\0';  // an abstract socket
  int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  [[maybe_unused]] auto sent = ::sendto(descriptor, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                                        reinterpret_cast<const sockaddr*>(&name), size);
  ::close(descriptor);
}

void Supervisor::extend(std::chrono::milliseconds more) const {
  say("EXTEND_TIMEOUT_USEC=" + std::to_string(more.count() * 1000));
}

void Supervisor::watch(std::function<std::string()> live) {
  const char* text = std::getenv("WATCHDOG_USEC");
  auto limit = text && !socket_.empty() ? core::parse_integer(text) : std::nullopt;
  if (!limit || *limit <= 0) return;
  watchdog_ = std::jthread(
      [this, live = std::move(live), pause = std::chrono::microseconds(*limit / 3)](const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any wake;
        std::unique_lock lock(mutex);
        while (!stop.stop_requested()) {
          if (auto stuck = live(); stuck.empty())
            say("WATCHDOG=1");
          else
            core::log::error("the watchdog is not fed: {}", stuck);
          wake.wait_for(lock, stop, pause, [] { return false; });
        }
      });
}

}  // namespace tollgate::app
