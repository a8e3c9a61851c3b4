// C-03 … C-06: do the nodes belong together.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "cluster/schema_gate.h"
#include "doctor/doctor.h"
#include "doctor/nodes.h"

namespace tollgate::doctor {
namespace {

constexpr std::int64_t kClockMs = 2000;

std::string list_of(const std::set<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// Nodes that show themselves in this Redis, by the cluster they say they are of.
std::map<std::string, std::set<std::string>> clusters_in_redis(redis::Client& client) {
  std::map<std::string, std::set<std::string>> found;
  auto ids = client.ask({"SMEMBERS", client.key("tg:nodes")});
  if (!ids || ids->is_error()) return found;
  for (const auto& id : ids->items) {
    auto fields = client.ask({"HMGET", client.key("tg:node:" + id.text), "cluster_id", "name"});
    if (!fields || fields->items.size() != 2 || fields->items[0].is_nil()) continue;
    found[fields->items[0].text].insert(fields->items[1].text);
  }
  return found;
}

void check_one_cluster(Patient& patient) {
  auto& report = patient.report;
  const auto& view = *patient.cluster;
  bool split = false;
  if (patient.redis) {
    for (const auto& [id, names] : clusters_in_redis(*patient.redis)) {
      if (id == view.cluster_id || id.empty()) continue;
      split = true;
      report.fail("C-03", "one database",
                  fmt::format("{} share this Redis, and are of cluster {} while SQL_DSN leads to cluster {}",
                              list_of(names), short_id(id), short_id(view.cluster_id)),
                  "split database: the nodes use different databases", "give every node the same SQL_DSN");
    }
    auto here = patient.redis->ask({"GET", patient.redis->key("tg:cluster:id")});
    std::set<std::string> elsewhere;
    for (const auto* row : live_nodes(view))
      if (here && here->type == redis::Reply::Type::kText && !row->redis_id.empty() && row->redis_id != here->text)
        elsewhere.insert(row->name);
    if (!elsewhere.empty()) {
      split = true;
      report.fail("C-03", "one Redis",
                  list_of(elsewhere) + " use another Redis than the one REDIS_CONN_STRING names here",
                  "split Redis: limits are counted apart, and nodes do not hear of each other's changes",
                  "give every node the same REDIS_CONN_STRING");
    }
  }
  std::set<std::string> redis_ids;
  for (const auto* row : live_nodes(view))
    if (!row->redis_id.empty()) redis_ids.insert(row->redis_id);
  if (!split && redis_ids.size() > 1) {
    split = true;
    std::string who;
    for (const auto* row : live_nodes(view))
      who += fmt::format("{}{} {}", who.empty() ? "" : ", ", row->name, short_id(row->redis_id));
    report.fail("C-03", "one Redis", who,
                "split Redis: limits are counted apart, and nodes do not hear of each other's changes",
                "give every node the same REDIS_CONN_STRING");
  }
  if (!split)
    report.pass("C-03", "one cluster",
                fmt::format("cluster {}, {} live node(s)", short_id(view.cluster_id), live_nodes(view).size()));
}

void check_roles(Patient& patient) {
  const auto nodes = live_nodes(*patient.cluster);
  std::set<std::string> masters;
  for (const auto* row : nodes)
    if (row->role == "master") masters.insert(row->name);
  const auto evidence = fmt::format("this node: {}; masters that live: {}", patient.setting.config.text("NODE_TYPE"),
                                    masters.empty() ? "none" : list_of(masters));
  if (!nodes.empty() && masters.empty())
    patient.report.warn("C-04", "roles", evidence,
                        "nobody migrates the schema; a slave stands in for the jobs of the cluster",
                        "start a node with NODE_TYPE=master");
  else
    patient.report.pass("C-04", "roles", evidence);
}

void check_clocks(Patient& patient) {
  auto& report = patient.report;
  std::string off;
  std::set<std::string> zones;
  for (const auto* row : live_nodes(*patient.cluster)) {
    const auto ms = number_in(info_of(*row), "clock_offset_ms");
    if (std::abs(ms) > kClockMs) off += fmt::format("{}{} {:.0f} ms", off.empty() ? "" : ", ", row->name, ms);
    if (!row->tz.empty()) zones.insert(row->tz);
  }
  if (!off.empty())
    report.warn("C-05", "clocks", "beside the database's: " + off, "expiries and limits are judged by different times",
                "let those machines follow NTP (timedatectl set-ntp true)");
  else if (zones.size() > 1)
    report.warn("C-05", "time zones", list_of(zones), "days of statistics and log lines begin at different hours",
                "set the same TZ on every node");
  else
    report.pass("C-05", "clocks", "the clocks of the live nodes agree");
}

void check_versions(Patient& patient) {
  std::set<std::string> versions;
  std::string outside;
  for (const auto* row : live_nodes(*patient.cluster)) {
    versions.insert(row->version);
    if (row->schema_max < cluster::kOldestSchema || row->schema_min > cluster::kSchemaVersion)
      outside += (outside.empty() ? "" : ", ") + row->name;
  }
  if (!outside.empty())
    patient.report.fail("C-06", "versions", outside + " need another schema than this program",
                        "these releases cannot run side by side", "update one release at a time, slaves first");
  else if (versions.size() > 1)
    patient.report.warn("C-06", "versions", list_of(versions), "an update is under way, or was left half done",
                        "update the rest: slaves first, the master last");
  else
    patient.report.pass("C-06", "versions", versions.empty() ? "no node lives" : list_of(versions));
}

}  // namespace

void check_cluster(Patient& patient) {
  if (!patient.cluster) {
    for (auto id : {"C-03", "C-04", "C-05", "C-06"}) patient.report.skip(id, "cluster", "the registry cannot be read");
    return;
  }
  check_one_cluster(patient);
  check_roles(patient);
  check_clocks(patient);
  check_versions(patient);
}

}  // namespace tollgate::doctor
