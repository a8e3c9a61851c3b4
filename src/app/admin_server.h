// What the operators of this machine ask: on <data>/tollgate.sock from the moment the data directory is ours, so also
// while the node starts or its network threads are stuck, and at the addresses of TOLLGATE_ADMIN_LISTEN. Nobody is
// asked who he is: the socket's file is the owner's, the addresses are the operator's choice.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "net/http_server.h"
#include "net/resolver.h"
#include "net/worker.h"

namespace tollgate::app {

class AdminServer {
 public:
  using Answer = std::function<net::awaitable<void>(net::Exchange&)>;

  AdminServer(const std::string& data_dir, std::vector<std::string> listen, net::Resolver& resolver);
  ~AdminServer();

  // Errors name the address. A socket path that is too long for the system is warned about and left out.
  core::Result<void> start();
  // From now on requests are answered by this; until then /livez says `starting` and everything else 503.
  void ready(Answer answer);
  void stop();

 private:
  std::vector<std::string> listen_;
  Answer answer_;
  std::atomic<bool> ready_{false};
  std::unique_ptr<net::Server> server_;
  std::unique_ptr<net::Worker> worker_;  // goes before the server: connections tell it when they end
};

// GET /livez over the socket, else over the loopback at `listen` or `port`; prints what came and gives the exit code.
int healthcheck(const std::string& data_dir, const std::vector<std::string>& listen, std::uint16_t port);

}  // namespace tollgate::app
