// A Redis server of Debian's package on a unix socket, for one test.
#pragma once
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace tollgate::redis {

class RedisServer {
 public:
  explicit RedisServer(std::vector<std::string> more = {}) : more_(std::move(more)) {
    char name[] = "/tmp/tollgate-redis-XXXXXX";
    if (!::mkdtemp(name)) throw std::runtime_error("no temporary directory");
    directory_ = name;
    start();
  }
  ~RedisServer() {
    kill();
    std::filesystem::remove_all(directory_);
  }

  std::string socket() const { return directory_ + "/redis.sock"; }
  std::string url() const { return "unix://" + socket(); }

  void start() {
    std::vector<std::string> arguments{"redis-server", "--port", "0", "--unixsocket", socket(),           "--dir",
                                       directory_,     "--save", "",  "--logfile",    directory_ + "/log"};
    arguments.insert(arguments.end(), more_.begin(), more_.end());
    std::vector<char*> raw;
    for (auto& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    auto parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(1);
      ::execvp("redis-server", raw.data());
      ::_exit(127);
    }
    for (int i = 0; i < 500 && !accepts(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (!accepts()) throw std::runtime_error("redis-server does not start");
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
    ::unlink(socket().c_str());
  }
  void freeze() const { ::kill(pid_, SIGSTOP); }
  void thaw() const { ::kill(pid_, SIGCONT); }

 private:
  bool accepts() const {
    int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket().copy(address.sun_path, sizeof address.sun_path - 1);
    bool connected = ::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(descriptor);
    return connected;
  }

  std::vector<std::string> more_;
  std::string directory_;
  pid_t pid_ = 0;
};

// Tries until `condition` holds; false after five seconds.
template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 500; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace tollgate::redis
