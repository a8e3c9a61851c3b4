// A Redis cluster: which server has which slot, learnt from the servers and corrected by their redirections. Follows
// the Redis cluster specification. For this folder; used on the client's thread only.
#pragma once
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "redis/router.h"
#include "redis/slot.h"

namespace tollgate::redis {

// One range of CLUSTER SLOTS: where its primary is.
struct SlotRange {
  std::uint16_t first = 0, last = 0;
  Endpoint primary;
};

// Reads the answer of CLUSTER SLOTS; `asked` stands where a server does not name itself. What does not fit is left out.
std::vector<SlotRange> slot_ranges(const Reply& reply, const Endpoint& asked);

// "MOVED 3999 127.0.0.1:6381" and "ASK …": where to. nullopt when it is neither.
struct Redirection {
  bool ask = false;
  std::uint16_t slot = 0;
  Endpoint to;
};
std::optional<Redirection> redirection(std::string_view error, const Endpoint& asked);

class ClusterRouter final : public Router {
 public:
  ClusterRouter(Network& network, std::vector<Endpoint> seeds, Credentials credentials);
  ~ClusterRouter() override;

  void start() override;
  void stop() override;
  void send(Command command, Time due, Done done) override;
  std::vector<std::shared_ptr<Link>> primaries() const override;
  bool connected() const override;
  net::awaitable<Opened> open_listener() override;

 private:
  struct Map;
  std::shared_ptr<Map> map_;
};

}  // namespace tollgate::redis
