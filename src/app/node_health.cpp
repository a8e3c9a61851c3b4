#include "app/node_health.h"

#include <fmt/core.h>

#include "core/json_text.h"

namespace tollgate::app {
namespace {

std::string held_json(const billing::Held& held) {
  return fmt::format(R"({{"slices":{},"reserved":{},"unflushed":{}}})", held.slices, held.reserved, held.unflushed);
}

}  // namespace

std::string to_json(const NodeHealth& health) {
  const auto& money = health.money;
  const auto& alive = health.alive;
  auto journal = fmt::format(
      R"({{"writable":{},"queued":{},"backlog_bytes":{},"last_seq":{},"main_mark":{},"stat_mark":{},"log_mark":{},)"
      R"("main_behind":{},"stat_behind":{},"log_behind":{}}})",
      money.journal_writable, money.journal_queued, money.journal_backlog_bytes, money.journal_last_seq,
      money.main_mark, money.stat_mark, money.log_mark, money.behind(money.main_mark), money.behind(money.stat_mark),
      money.behind(money.log_mark));
  auto living = fmt::format(R"({{"tasks":{},"sockets":{},"deadlines":{},"idle_upstreams":{}}})", alive.tasks,
                            alive.sockets, alive.deadlines, alive.idle_upstreams);
  std::string errors;
  for (const auto& [reason, count] : health.errors)
    errors += fmt::format("{}\"{}\":{}", errors.empty() ? "" : ",", reason, count);
  return fmt::format(
      R"({{"version":{},"draining":{},"connections":{},"requests":{},"requests_taken":{},"requests_refused":{},"relayed":{},"overloaded":{},"errors":{{{}}},"sql_reachable":{},)"
      R"("recovered":{},"exposed_accounts":{},"cut_off":{},"journal":{},"wallets":{},"keys":{},"alive":{},"cluster":{},"redis":{}}})",
      core::json_string(health.version), health.draining, health.connections, health.requests, health.taken,
      health.refused, health.relayed, health.overloaded, errors, money.sql_reachable, money.recovered, money.exposed,
      money.cut_off, journal, held_json(money.wallets), held_json(money.keys), living, health.cluster, health.redis);
}

}  // namespace tollgate::app
