#include "app/cluster_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "app/cluster_node.h"
#include "cluster/fingerprint.h"
#include "cluster/view.h"

namespace tollgate::app {
namespace {

namespace json = boost::json;
using Rows = std::vector<std::vector<std::string>>;

constexpr int kRefused = 64;

// Columns as wide as their widest cell, two blanks between.
void print_table(const Rows& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i == widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], row[i].size());
    }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}  ", row[i], widths[i]);
    std::printf("%s\n", line.c_str());
  }
}

std::string age(std::int64_t ms) {
  const auto seconds = std::max<std::int64_t>(ms, 0) / 1000;
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7200) return fmt::format("{} min", seconds / 60);
  return seconds < 172'800 ? fmt::format("{} h", seconds / 3600) : fmt::format("{} d", seconds / 86'400);
}

int failed(const std::string& what, int code = kFailure) {
  std::fprintf(stderr, "%s\n", what.c_str());
  return code;
}

int failed(const core::Error& error) {
  return failed(error.message, error.code == core::Errc::kUnavailable ? kFailure : kRefused);
}

int nodes(const cluster::View& view, bool as_json) {
  if (as_json) return std::printf("%s\n", json::serialize(cluster::to_json(view, "", {})).c_str()), kOk;
  Rows rows{{"NAME", "ID", "ROLE", "STATE", "VERSION", "HEARTBEAT", "UP", "LAG", "SESSION", "CRYPTO", "ADDRESS"}};
  std::int64_t epoch = 0;
  for (const auto& version : view.versions)
    if (version.topic == "all") epoch = version.number;
  for (const auto& row : view.nodes.rows)
    rows.push_back({row.name, row.node_id.substr(0, 8), row.role, std::string(cluster::state_of(row, view.nodes.now)),
                    row.version, age(view.nodes.now - row.heartbeat_at), age(view.nodes.now - row.started_at),
                    std::to_string(std::max<std::int64_t>(0, epoch - row.epoch)), row.session_fp.substr(0, 8),
                    row.crypto_fp.substr(0, 8), row.advertise});
  print_table(rows);
  int code = kOk;
  for (const auto& row : view.nodes.rows)
    if (auto missing = cluster::missing_records(view, row); missing > 0) {
      std::printf(
          "%s has %lld journal records on its disk that are not in the database: start it again, or\n"
          "  tollgate journal replay DIRECTORY\n",
          row.name.c_str(), static_cast<long long>(missing));
      code = kFailure;
    }
  for (const auto& odd : cluster::odd_secrets(view.nodes)) {
    std::printf("%s of node %s differs from that of the other nodes\n", std::string(odd.secret).c_str(),
                odd.name.c_str());
    code = kFailure;
  }
  return code;
}

int leases(const cluster::View& view, bool as_json) {
  if (as_json) {
    auto all = cluster::to_json(view, "", {});
    return std::printf("%s\n", json::serialize(all["leases"]).c_str()), kOk;
  }
  Rows rows{{"LEASE", "HOLDER", "NUMBER", "HELD FOR", "ENDS IN"}};
  for (const auto& lease : view.leases) {
    const bool held = cluster::is_held(lease, view.nodes.now);
    rows.push_back({lease.name, held ? cluster::name_of(view.nodes, lease.holder) : "-", std::to_string(lease.token),
                    held ? age(view.nodes.now - lease.acquired_at) : "-",
                    held ? age(lease.expires_at - view.nodes.now) : "-"});
  }
  print_table(rows);
  return kOk;
}

// Whether every live node accepts the secret that is about to sign. Which one is meant: the first of the previous ones,
// where step one of a rotation puts the new secret.
int check_rotation(const cluster::View& view, const core::Config& config) {
  auto first = [](const std::string& list) { return list.substr(0, list.find('|')); };
  const std::pair<const char*, bool> kinds[] = {{"SESSION_SECRET", true}, {"CRYPTO_SECRET", false}};
  int code = kOk;
  bool any = false;
  for (const auto& [name, session] : kinds) {
    const auto fresh = first(config.text(std::string(name) + "_PREVIOUS"));
    if (fresh.empty()) continue;
    any = true;
    const auto missing = cluster::nodes_without(view.nodes, cluster::fingerprint(fresh, view.cluster_id), session);
    if (missing.empty()) {
      std::printf("%s: every live node accepts the one in %s_PREVIOUS; it may sign now\n", name, name);
      continue;
    }
    std::string names;
    for (const auto& node : missing) names += (names.empty() ? "" : ", ") + node;
    std::printf("%s: not accepted yet by %s; set %s_PREVIOUS there and restart\n", name, names.c_str(), name);
    code = kFailure;
  }
  if (!any) return failed("neither SESSION_SECRET_PREVIOUS nor CRYPTO_SECRET_PREVIOUS is set here", kRefused);
  return code;
}

}  // namespace

int cluster_command(const CommandLine& line, const core::Config& config, sql::Pool& pool) {
  const auto& words = line.rest;
  const std::string what = words.empty() ? "" : words.front();
  const bool one_node = what == "drain" || what == "resume" || what == "forget";
  const bool known = what == "nodes" || what == "leases" || what == "rotate-secret";
  if ((!one_node && !known) || words.size() != (one_node ? 2U : 1U))
    return failed(
        "usage: tollgate cluster nodes|leases [--json], tollgate cluster drain|resume|forget NODE, "
        "tollgate cluster rotate-secret --check",
        kBadCommandLine);
  auto lease = pool.lease();
  if (!lease) return failed("the database cannot be reached: " + lease.error().message);
  if (one_node) {
    auto done = what == "forget"  ? cluster::forget_node(**lease, words[1])
                : what == "drain" ? cluster::wish(**lease, words[1], cluster::Wish::kDrain, 0)
                                  : cluster::wish(**lease, words[1], cluster::Wish::kResume, 0);
    if (!done) return failed(done.error());
    std::printf("%s\n", what == "forget"  ? fmt::format("node {} is forgotten", done->name).c_str()
                        : what == "drain" ? fmt::format("node {} will be drained within 10 s", done->name).c_str()
                                          : fmt::format("node {} will be resumed within 10 s", done->name).c_str());
    return kOk;
  }
  auto view = cluster::read_view(**lease);
  if (!view) return failed("the cluster's tables cannot be read: " + view.error().message);
  if (what == "nodes") return nodes(*view, line.json);
  return what == "leases" ? leases(*view, line.json) : check_rotation(*view, config);
}

}  // namespace tollgate::app
