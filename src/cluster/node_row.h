// Rows of tg_nodes: what each node says of itself, and what people want of it. Times are ms of the database's clock.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sql/connection.h"

namespace tollgate::cluster {

// A node without a heartbeat for this long is lost.
inline constexpr std::int64_t kLostAfterMs = 30'000;

struct NodeRow {
  std::string node_id;
  std::int64_t incarnation = 0;
  std::string name, role, version;
  std::int64_t schema_min = 0, schema_max = 0;
  std::string state;  // starting, ready, degraded, draining, drained, left
  std::int64_t started_at = 0, heartbeat_at = 0;
  std::string advertise, region, zone;
  std::int64_t weight = 0;
  std::string session_fp, crypto_fp;  // fingerprints in force first, then those accepted besides; ',' between
  std::string cluster_id, redis_id, tz;
  std::int64_t journal_last_seq = 0;
  std::string desired_state;  // drained, step-down, or empty
  std::int64_t desired_until = 0;
  std::int64_t epoch = 0;  // version of the topic `all` that is in force there
  std::string info;        // JSON object
};

struct Nodes {
  std::int64_t now = 0;  // of the database, as the rows were read
  std::vector<NodeRow> rows;

  const NodeRow* find(std::string_view id) const;
};

// The state as others see it: `lost` when the heartbeat stopped.
std::string_view state_of(const NodeRow& row, std::int64_t now);
bool is_live(const NodeRow& row, std::int64_t now);   // neither left nor lost
bool is_ready(const NodeRow& row, std::int64_t now);  // live, and takes requests

// `with_info`: the JSON text too, which may be some kilobytes a node.
sql::Result<Nodes> read_nodes(sql::Connection& db, bool with_info);
// Everything but what others write: desired_state and desired_until. heartbeat_at becomes the database's time. One
// statement once the row is there. False: people want something else of the node than `row` says, nothing was written.
sql::Result<bool> write_heartbeat(sql::Connection& db, const NodeRow& row);
// An empty state takes back what was wanted. False: no such node.
sql::Result<bool> set_desired_state(sql::Connection& db, std::string_view node_id, std::string_view state,
                                    std::int64_t seconds);

// By id, or by a name that one node only has. An error names the trouble: kNotFound, kConflict for a name of several.
enum class FindTrouble { kNone, kNotFound, kAmbiguous };
struct FoundNode {
  const NodeRow* row = nullptr;
  FindTrouble trouble = FindTrouble::kNone;
};
FoundNode find_node(const Nodes& nodes, std::string_view id_or_name);

}  // namespace tollgate::cluster
