#include "cluster/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "billing/lost_nodes.h"
#include "sql/server_clock.h"

namespace tollgate::cluster {
namespace {

namespace json = boost::json;
using sql::Param;

constexpr std::string_view kLeaderLease = "registry";

std::int64_t epoch_of(const View& view) {
  for (const auto& version : view.versions)
    if (version.topic == "all") return version.number;
  return 0;
}

std::string leader_of(const View& view) {
  for (const auto& lease : view.leases)
    if (lease.name == kLeaderLease && is_held(lease, view.nodes.now)) return lease.holder;
  return {};
}

// Of the fingerprint in force the first eight digits: enough to compare by eye.
std::string shown(const std::string& fingerprints) { return fingerprints.substr(0, 8); }

core::Error unknown_node(std::string_view node, FindTrouble trouble) {
  if (trouble == FindTrouble::kAmbiguous)
    return core::error(core::Errc::kConflict,
                       fmt::format("several nodes are called {}; name it by its id", std::string(node)));
  return core::error(core::Errc::kNotFound, fmt::format("no node {}", std::string(node)));
}

core::Error database(const sql::Error& error) {
  return core::error(core::Errc::kUnavailable, "the database: " + error.message);
}

}  // namespace

sql::Result<View> read_view(sql::Connection& db) {
  View view;
  auto nodes = read_nodes(db, true);
  if (!nodes) return nodes.error();
  view.nodes = std::move(*nodes);
  auto id = cluster_id(db);
  if (!id) return id.error();
  view.cluster_id = std::move(*id);
  auto leases = db.query("SELECT name, holder, token, acquired_at, expires_at FROM tg_leases ORDER BY name", {});
  if (!leases) return leases.error();
  for (const auto& row : *leases)
    view.leases.push_back({row.text(0), row.text(1), row.integer(2), row.integer(3), row.integer(4)});
  auto marks = db.query("SELECT node_id, MIN(seq) FROM tg_marks GROUP BY node_id", {});
  if (!marks) return marks.error();
  for (const auto& row : *marks) view.marks.emplace(row.text(0), row.integer(1));
  auto versions = model::read_versions(db);
  if (!versions) return versions.error();
  view.versions = std::move(*versions);
  return view;
}

std::int64_t missing_records(const View& view, const NodeRow& row) {
  if (is_live(row, view.nodes.now)) return 0;  // it is flushing
  auto mark = view.marks.find(row.node_id);
  return std::max<std::int64_t>(0, row.journal_last_seq - (mark == view.marks.end() ? 0 : mark->second));
}

bool is_held(const LeaseRow& lease, std::int64_t now) { return lease.expires_at >= now; }

std::string name_of(const Nodes& nodes, std::string_view node_id) {
  const auto* row = nodes.find(node_id);
  return row ? row->name : std::string(node_id);
}

json::object to_json(const View& view, const NodeRow& row, std::string_view self) {
  json::object out;
  boost::system::error_code bad;
  // What the node says of itself goes first: nothing of it may stand in for what the table says.
  if (auto info = json::parse(row.info.empty() ? "{}" : row.info, bad); !bad && info.is_object())
    out = std::move(info.get_object());
  const auto now = view.nodes.now;
  out["id"] = row.node_id;
  out["name"] = row.name;
  out["this_node"] = row.node_id == self;
  out["address"] = row.advertise;
  out["role"] = row.role;
  out["leader"] = leader_of(view) == row.node_id;
  const auto state = state_of(row, now);
  out["state"] = json::string_view(state.data(), state.size());
  out["desired_state"] = row.desired_state;
  out["version"] = row.version;
  out["incarnation"] = row.incarnation;
  out["region"] = row.region;
  out["zone"] = row.zone;
  out["weight"] = row.weight;
  out["tz"] = row.tz;
  out["started_at"] = row.started_at / 1000;
  out["heartbeat_at"] = row.heartbeat_at / 1000;
  out["heartbeat_age_ms"] = std::max<std::int64_t>(0, now - row.heartbeat_at);
  out["epoch"] = row.epoch;
  out["epoch_lag"] = std::max<std::int64_t>(0, epoch_of(view) - row.epoch);
  out["journal_last_seq"] = row.journal_last_seq;
  out["journal_missing"] = missing_records(view, row);
  out["session_fp"] = shown(row.session_fp);
  out["crypto_fp"] = shown(row.crypto_fp);
  out["schema_min"] = row.schema_min;
  out["schema_max"] = row.schema_max;
  return out;
}

json::object to_json(const View& view, std::string_view self, const std::vector<Warning>& warnings) {
  const auto now = view.nodes.now;
  json::object out;
  const bool split = std::ranges::any_of(warnings, [](const auto& w) { return w.code.starts_with("split"); });
  const bool all_well = warnings.empty() && std::ranges::none_of(view.nodes.rows, [&](const auto& row) {
                          return state_of(row, now) == "degraded" || state_of(row, now) == "lost";
                        });
  out["cluster_id"] = view.cluster_id;
  out["state"] = split ? "split" : all_well ? "ok" : "degraded";
  out["this_node"] = json::string_view(self.data(), self.size());
  const auto leader = leader_of(view);
  out["leader"] = leader.empty() ? "" : name_of(view.nodes, leader);
  out["epoch"] = epoch_of(view);
  out["time"] = now / 1000;
  json::array nodes, leases, found;
  for (const auto& row : view.nodes.rows) nodes.push_back(to_json(view, row, self));
  for (const auto& lease : view.leases) {
    const bool held = is_held(lease, now);
    leases.push_back({{"name", lease.name},
                      {"holder", held ? json::value(lease.holder) : json::value("")},
                      {"holder_name", held ? json::value(name_of(view.nodes, lease.holder)) : json::value("")},
                      {"token", lease.token},
                      {"acquired_at", lease.acquired_at / 1000},
                      {"expires_in_ms", held ? lease.expires_at - now : 0}});
  }
  json::object versions;
  for (const auto& version : view.versions) versions[version.topic] = version.number;
  for (const auto& warning : warnings) found.push_back({{"code", warning.code}, {"text", warning.text}});
  out["nodes"] = std::move(nodes);
  out["leases"] = std::move(leases);
  out["versions"] = std::move(versions);
  out["warnings"] = std::move(found);
  return out;
}

core::Result<NodeRow> wish(sql::Connection& db, std::string_view node, Wish wanted, std::int64_t seconds) {
  auto nodes = read_nodes(db, false);
  if (!nodes) return database(nodes.error());
  auto found = find_node(*nodes, node);
  if (!found.row) return unknown_node(node, found.trouble);
  if (!is_live(*found.row, nodes->now))
    return core::error(core::Errc::kConflict, fmt::format("node {} is not running", found.row->name));
  std::string_view state = wanted == Wish::kDrain ? "drained" : wanted == Wish::kStepDown ? "step-down" : "";
  auto done = set_desired_state(db, found.row->node_id, state, seconds);
  if (!done) return database(done.error());
  return *found.row;
}

core::Result<NodeRow> forget_node(sql::Connection& db, std::string_view node) {
  auto nodes = read_nodes(db, false);
  if (!nodes) return database(nodes.error());
  auto found = find_node(*nodes, node);
  if (!found.row) return unknown_node(node, found.trouble);
  if (is_live(*found.row, nodes->now))
    return core::error(core::Errc::kConflict,
                       fmt::format("node {} lives (state {}); stop it first", found.row->name, found.row->state));
  // Nobody waits for its journal any more. Before the row goes: whoever is cut off here finds the node again.
  if (auto given = billing::give_back_slices(db, found.row->node_id); !given) return database(given.error());
  auto done = db.execute("DELETE FROM tg_nodes WHERE node_id = ? AND heartbeat_at = ?",
                         {Param(std::string_view(found.row->node_id)), Param(found.row->heartbeat_at)});
  if (!done) return database(done.error());
  if (done->affected == 0) return core::error(core::Errc::kConflict, "the node came back a moment ago");
  return *found.row;
}

}  // namespace tollgate::cluster
