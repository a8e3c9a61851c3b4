#include <fmt/core.h>

#include "app/node_components.h"
#include "app/process_metrics.h"

namespace tollgate::app {
namespace {

constexpr double kDiskFull = 0.9;  // of the data directory's volume

Condition sql_condition(const sql::Meter& meter, const billing::Billing& billing) {
  if (meter.state() == sql::State::kAway || !billing.health().sql_reachable)
    return {Wellness::kAway, "the database does not answer; charges wait in the journal"};
  if (meter.state() == sql::State::kReadOnly) return {Wellness::kDegraded, "the database takes no writes"};
  return {};
}

Condition journal_condition(const billing::Billing& billing) {
  const auto health = billing.health();
  if (!billing.can_charge()) return {Wellness::kAway, "charges find no place: requests that cost are refused"};
  if (!health.journal_writable)
    return {Wellness::kDegraded, "the journal's disk takes nothing; charges wait in memory"};
  // A node that starts for the first time has nothing before it.
  if (!health.recovered && billing.node().incarnation > 1)
    return {Wellness::kDegraded, "charges of the process before are being settled"};
  return {};
}

Condition disk_condition(const std::string& directory) {
  auto disk = disk_figures(directory);
  if (!disk || disk->total == 0) return {Wellness::kAway, "the data directory cannot be looked at"};
  const auto used = 1 - static_cast<double>(disk->free) / static_cast<double>(disk->total);
  if (used > kDiskFull)
    return {Wellness::kDegraded, fmt::format("the volume of the data directory is {:.0f} % full", used * 100)};
  return {};
}

}  // namespace

void add_components(Components& components, const billing::Billing& billing, const sql::Meter& sql,
                    const std::string& data_dir) {
  components.add("sql", [&] { return sql_condition(sql, billing); });
  components.add("journal", [&] { return journal_condition(billing); });
  components.add("disk", [data_dir] { return disk_condition(data_dir); });
}

}  // namespace tollgate::app
