// A group of sentinels: who is the master now, and word of a change. Follows "Guidelines for Redis clients with support
// for Redis Sentinel". For this folder; used on the client's thread only.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "redis/router.h"

namespace tollgate::redis {

// How a sentinel is entered: with credentials of its own, or with the data servers' where it demands some.
struct SentinelAccess {
  Credentials own, data;
};

// Opens a connection to a sentinel. Tries what it knows until one is taken: many sentinels demand nothing.
net::awaitable<Router::Opened> open_sentinel(Network& network, Endpoint endpoint, SentinelAccess access,
                                             Connection::Time due);
// Names of the groups it watches.
net::awaitable<core::Result<std::vector<std::string>>> group_names(std::shared_ptr<Connection> sentinel,
                                                                   Connection::Time due);

class SentinelRouter final : public SingleRouter {
 public:
  SentinelRouter(Network& network, std::vector<Endpoint> sentinels, std::string name, SentinelAccess access,
                 int database);
  void start() override;
  void stop() override;

 private:
  struct Group;
  explicit SentinelRouter(std::shared_ptr<Group> group);
  std::shared_ptr<Group> group_;
};

}  // namespace tollgate::redis
