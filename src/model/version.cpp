#include "model/version.h"

#include "sql/dialect.h"
#include "sql/server_clock.h"

namespace tollgate::model {
namespace {

using sql::Param;

// Those after kSetup belong to data that this build does not change yet; a node of a later version may.
constexpr std::string_view kTopics[] = {"abilities", "all",     "channels", "groups", "keyring", "limits", "models",
                                        "oauth",     "options", "plans",    "prices", "setup",   "vendors"};

}  // namespace

std::string_view to_string(Topic topic) {
  switch (topic) {
    case Topic::kAll: return "all";
    case Topic::kChannels: return "channels";
    case Topic::kOptions: return "options";
    case Topic::kSetup: return "setup";
  }
  return "all";
}

sql::Result<void> raise_version(sql::Connection& db, Topic topic) {
  const std::string now = sql::server_now_ms(db.dialect());
  // One row after the other, in one order everywhere: no deadlocks between nodes.
  std::vector<std::string_view> topics;
  if (topic == Topic::kChannels) topics.emplace_back("abilities");
  topics.emplace_back("all");
  if (topic != Topic::kAll) topics.push_back(to_string(topic));
  for (auto name : topics) {
    auto done = db.execute("UPDATE tg_versions SET version = version + 1, changed_at = " + now + " WHERE topic = ?",
                           {Param(name)});
    if (!done) return done.error();
  }
  return {};
}

sql::Result<std::vector<Version>> read_versions(sql::Connection& db) {
  auto rows = db.query("SELECT topic, version FROM tg_versions", {});
  if (!rows) return rows.error();
  std::vector<Version> versions;
  for (const auto& row : *rows) versions.push_back({row.text(0), row.integer(1)});
  return versions;
}

sql::Result<std::int64_t> lock_epoch(sql::Connection& db) {
  auto rows =
      db.query("SELECT version FROM tg_versions WHERE topic = 'all'" + std::string(sql::for_update(db.dialect())), {});
  if (!rows) return rows.error();
  return rows->empty() ? 0 : rows->front().integer(0);
}

sql::Result<void> seed_versions(sql::Connection& db) {
  auto present = db.query("SELECT COUNT(*) FROM tg_versions", {});
  if (!present) return present.error();
  if (present->front().integer(0) >= static_cast<std::int64_t>(std::size(kTopics))) return {};
  for (auto topic : kTopics) {
    auto done = db.execute("INSERT INTO tg_versions (topic, version) VALUES (?, 1)", {Param(topic)});
    if (!done && done.error().cls != sql::ErrorClass::kDuplicate) return done.error();
  }
  return {};
}

}  // namespace tollgate::model
