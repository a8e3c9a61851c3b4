// A second, faster notice of who lives, beside SQL: in Redis, where nodes of another database show up as well.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace tollgate::cluster {

struct BoardEntry {
  std::string node_id;
  std::string name;
  std::string cluster_id;
  std::string state;
  std::int64_t incarnation = 0;
};

// Called on the registry's thread; each call ends within a second or so. Failures are empty answers.
class Board {
 public:
  virtual ~Board() = default;
  // Whether it can be asked at present.
  virtual bool healthy() const = 0;
  // What this server is called, the same for every node that reaches it; empty when it cannot be asked.
  virtual std::string server_id() = 0;
  virtual void show(const BoardEntry& entry) = 0;  // for ten seconds
  virtual void take_off(const std::string& node_id) = 0;
  virtual std::vector<BoardEntry> read() = 0;
};

}  // namespace tollgate::cluster
