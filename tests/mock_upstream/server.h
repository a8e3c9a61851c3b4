#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "answer.h"

namespace tollgate::mock {

struct Options {
  uint16_t port = 0;
  std::string recordings = ".";
  size_t keep_requests = 1000;  // 0: none are recorded (bench)
};

// One thread, one epoll instance. Answers come from a cache, so that a repeated request costs one parse and one write.
class Server {
 public:
  explicit Server(Options options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Binds to 127.0.0.1 and returns the port. Throws std::system_error.
  uint16_t listen();

  // Serves until the process is ended.
  [[noreturn]] void run();

 private:
  struct Connection;
  struct Head;
  struct Due {
    int64_t at_us;
    int fd;
    uint64_t id;
    bool operator>(const Due& other) const { return at_us > other.at_us; }
  };
  struct Seen {
    std::string method, path, body;
    std::string form;  // in place of the body: its parts as JSON
    std::vector<std::pair<std::string, std::string>> headers;
  };

  void accept_all();
  void on_readable(Connection& c);
  void take_requests(Connection& c);
  bool take_request(Connection& c);
  bool take_event(Connection& c);
  std::shared_ptr<const Answer> answer_for(const Head& head, std::string_view body);
  std::shared_ptr<const Answer> control(const Head& head);
  std::string requests_json() const;
  // Writes as far as time and the socket allow; false when the connection is gone.
  bool pump(Connection& c);
  void want_write(Connection& c, bool on);
  void close(Connection& c, bool reset);
  int run_due();

  Options options_;
  int listener_ = -1;
  int epoll_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;  // by descriptor
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::unordered_map<std::string, std::shared_ptr<const Answer>> cache_;
  std::unordered_map<std::string, int> failed_;  // by scenario, for fail_first
  std::deque<Seen> seen_;
  uint64_t next_id_ = 1;
  uint64_t opened_ = 0, requests_ = 0, aborted_ = 0;
  int64_t open_ = 0, busy_ = 0;
};

}  // namespace tollgate::mock
