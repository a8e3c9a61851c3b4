// What systemd is told over NOTIFY_SOCKET (sd_notify(3)). Without that variable every call does nothing.
#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

namespace tollgate::app {

class Supervisor {
 public:
  Supervisor();
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  void say(std::string_view state) const;             // "READY=1", "STATUS=…", lines by \n
  void extend(std::chrono::milliseconds more) const;  // of the time for starting or stopping
  // Feeds the watchdog of WATCHDOG_USEC while `live` answers "".
  void watch(std::function<std::string()> live);

 private:
  std::string socket_;
  std::jthread watchdog_;
};

}  // namespace tollgate::app
