#include "cluster/node_row.h"

#include "sql/server_clock.h"

namespace tollgate::cluster {

using sql::Param;

const NodeRow* Nodes::find(std::string_view id) const {
  for (const auto& row : rows)
    if (row.node_id == id) return &row;
  return nullptr;
}

std::string_view state_of(const NodeRow& row, std::int64_t now) {
  if (row.state == "left") return "left";
  return row.heartbeat_at + kLostAfterMs < now ? std::string_view("lost") : std::string_view(row.state);
}

bool is_live(const NodeRow& row, std::int64_t now) {
  auto state = state_of(row, now);
  return state != "left" && state != "lost";
}

bool is_ready(const NodeRow& row, std::int64_t now) {
  auto state = state_of(row, now);
  return state == "ready" || state == "degraded";
}

sql::Result<Nodes> read_nodes(sql::Connection& db, bool with_info) {
  const std::string now = sql::server_now_ms(db.dialect());
  auto rows = db.query(
      "SELECT node_id, incarnation, name, role, version, schema_min, schema_max, state, started_at, heartbeat_at, "
      "advertise, region, zone, weight, session_fp, crypto_fp, cluster_id, redis_id, tz, journal_last_seq, "
      "desired_state, desired_until, epoch, " +
          now + (with_info ? ", info" : "") + " FROM tg_nodes ORDER BY name, node_id",
      {});
  if (!rows) return rows.error();
  Nodes nodes;
  for (const auto& row : *rows) {
    NodeRow node;
    node.node_id = row.text(0);
    node.incarnation = row.integer(1);
    node.name = row.text(2);
    node.role = row.text(3);
    node.version = row.text(4);
    node.schema_min = row.integer(5);
    node.schema_max = row.integer(6);
    node.state = row.text(7);
    node.started_at = row.integer(8);
    node.heartbeat_at = row.integer(9);
    node.advertise = row.text(10);
    node.region = row.text(11);
    node.zone = row.text(12);
    node.weight = row.integer(13);
    node.session_fp = row.text(14);
    node.crypto_fp = row.text(15);
    node.cluster_id = row.text(16);
    node.redis_id = row.text(17);
    node.tz = row.text(18);
    node.journal_last_seq = row.integer(19);
    node.desired_state = row.text(20);
    node.desired_until = row.integer(21);
    node.epoch = row.integer(22);
    nodes.now = row.integer(23);
    if (with_info) node.info = row.text(24);
    nodes.rows.push_back(std::move(node));
  }
  if (nodes.rows.empty()) {
    auto time = db.query("SELECT " + now, {});
    if (!time) return time.error();
    nodes.now = time->front().integer(0);
  }
  return nodes;
}

sql::Result<bool> write_heartbeat(sql::Connection& db, const NodeRow& row) {
  auto text = [](const std::string& value) { return Param(std::string_view(value)); };
  const std::vector<Param> params{Param(row.incarnation), text(row.name),        text(row.role),
                                  text(row.version),      Param(row.schema_min), Param(row.schema_max),
                                  text(row.state),        Param(row.started_at), text(row.advertise),
                                  text(row.region),       text(row.zone),        Param(row.weight),
                                  text(row.session_fp),   text(row.crypto_fp),   text(row.cluster_id),
                                  text(row.redis_id),     text(row.tz),          Param(row.journal_last_seq),
                                  Param(row.epoch),       text(row.info),        text(row.node_id)};
  const std::string now = sql::server_now_ms(db.dialect());
  auto with_wish = params;
  with_wish.push_back(text(row.desired_state));
  with_wish.emplace_back(row.desired_until);
  auto updated = db.execute(
      "UPDATE tg_nodes SET incarnation = ?, name = ?, role = ?, version = ?, schema_min = ?, schema_max = ?, "
      "state = ?, started_at = ?, advertise = ?, region = ?, zone = ?, weight = ?, session_fp = ?, crypto_fp = ?, "
      "cluster_id = ?, redis_id = ?, tz = ?, journal_last_seq = ?, epoch = ?, info = ?, heartbeat_at = " +
          now + " WHERE node_id = ? AND COALESCE(desired_state, '') = ? AND COALESCE(desired_until, 0) = ?",
      with_wish);
  if (!updated) return updated.error();
  if (updated->affected > 0) return true;
  auto inserted = db.execute(
      "INSERT INTO tg_nodes (incarnation, name, role, version, schema_min, schema_max, state, started_at, advertise, "
      "region, zone, weight, session_fp, crypto_fp, cluster_id, redis_id, tz, journal_last_seq, epoch, info, node_id, "
      "desired_state, desired_until, heartbeat_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
      "?, '', 0, " +
          now + ")",
      params);
  if (inserted) return true;
  if (inserted.error().cls == sql::ErrorClass::kDuplicate) return false;
  return inserted.error();
}

sql::Result<bool> set_desired_state(sql::Connection& db, std::string_view node_id, std::string_view state,
                                    std::int64_t seconds) {
  const std::string until = state.empty() ? "?" : sql::server_now_ms(db.dialect()) + " + ?";
  auto done = db.execute("UPDATE tg_nodes SET desired_state = ?, desired_until = " + until + " WHERE node_id = ?",
                         {Param(state), Param(state.empty() ? 0 : seconds * 1000), Param(node_id)});
  if (!done) return done.error();
  return done->affected > 0;
}

FoundNode find_node(const Nodes& nodes, std::string_view id_or_name) {
  if (const auto* row = nodes.find(id_or_name)) return {row, FindTrouble::kNone};
  FoundNode found{nullptr, FindTrouble::kNotFound};
  for (const auto& row : nodes.rows) {
    if (row.name != id_or_name) continue;
    if (found.row) return {nullptr, FindTrouble::kAmbiguous};
    found = {&row, FindTrouble::kNone};
  }
  return found;
}

}  // namespace tollgate::cluster
