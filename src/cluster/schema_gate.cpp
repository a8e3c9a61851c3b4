#include "cluster/schema_gate.h"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/log.h"
#include "model/schema.h"
#include "model/version.h"
#include "sql/server_clock.h"

namespace tollgate::cluster {
namespace {

using sql::Param;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::string_view kLease = "migrate";
constexpr auto kLife = seconds(15);
constexpr auto kLook = milliseconds(500);
constexpr auto kTell = seconds(10);

// The newest version that tg_schema names; 0 while the table is missing or empty.
std::int64_t schema_version(sql::Connection& db) {
  auto rows = db.query("SELECT MAX(version) FROM tg_schema", {});
  return rows && !rows->empty() ? rows->front().integer(0) : 0;
}

// The lease needs its table before there is a schema. Two nodes may come here at once: whoever loses finds it there.
sql::Result<void> make_lease_table(sql::Connection& db) {
  auto made = db.execute(
      "CREATE TABLE IF NOT EXISTS tg_leases (name varchar(64) NOT NULL, holder varchar(64), incarnation bigint, "
      "token bigint NOT NULL DEFAULT 0, acquired_at bigint, renewed_at bigint, expires_at bigint NOT NULL DEFAULT 0, "
      "PRIMARY KEY (name))",
      {});
  if (made) return {};
  if (db.query("SELECT COUNT(*) FROM tg_leases", {})) return {};
  return made.error();
}

// Keeps the lease while statements run that may take minutes.
class Renewal {
 public:
  Renewal(sql::Pool& pool, const Owner& me)
      : thread_([this, &pool, &me] {
          std::unique_lock lock(mutex_);
          while (!wake_.wait_for(lock, kLife / 3, [this] { return over_; }))
            if (auto db = pool.lease()) [[maybe_unused]]
              auto kept = acquire_lease(**db, me, kLease, kLife);
        }) {}
  ~Renewal() {
    {
      std::lock_guard lock(mutex_);
      over_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  std::thread thread_;
};

sql::Result<std::size_t> complete(sql::Pool& pool, sql::Connection& db, const Owner& me) {
  Renewal renewal(pool, me);
  auto statements = model::migrate(db);
  if (!statements) return statements;
  if (auto seeded = model::seed_versions(db); !seeded) return seeded.error();
  if (schema_version(db) < kSchemaVersion) {
    auto noted =
        db.execute("INSERT INTO tg_schema (version, name, applied_at, node_id, checksum) VALUES (?, ?, " +
                       sql::server_now_ms(db.dialect()) + ", ?, '')",
                   {Param(kSchemaVersion), Param(std::string_view("cluster")), Param(std::string_view(me.node_id))});
    if (!noted && noted.error().cls != sql::ErrorClass::kDuplicate) return noted.error();
  }
  return statements;
}

}  // namespace

SchemaResult await_schema(sql::Pool& pool, const Owner& me, const SchemaSettings& settings,
                          const std::function<bool()>& stop) {
  const auto begun = steady_clock::now();
  auto told = begun - kTell;
  std::string trouble = "no master has completed the schema";
  for (;;) {
    if (auto lease = pool.lease()) {
      auto& db = **lease;
      const auto version = schema_version(db);
      if (version > kSchemaVersion + 1)
        return {SchemaOutcome::kTooNew,
                fmt::format("the schema has version {}, this build takes {} to {}", version, kOldestSchema,
                            kSchemaVersion + 1),
                0};
      if (!settings.migrate) {
        if (version >= kOldestSchema) return {};
      } else {
        auto table = make_lease_table(db);
        if (!table) return {SchemaOutcome::kDatabase, table.error().message, 0};
        auto token = acquire_lease(db, me, kLease, kLife);
        if (!token) return {SchemaOutcome::kDatabase, token.error().message, 0};
        if (*token) {
          auto done = complete(pool, db, me);
          // Other leases of this process do not exist yet.
          if (auto released = release_leases(db, me); !released)
            core::log::warn("lease migrate is not given back: {}", released.error().message);
          if (!done) return {SchemaOutcome::kDatabase, "the schema cannot be completed: " + done.error().message, 0};
          return {SchemaOutcome::kReady, {}, *done};
        }
        trouble = "another node is completing the schema";
      }
    } else {
      trouble = lease.error().message;
    }
    const auto now = steady_clock::now();
    if (now - begun >= settings.wait || stop()) return {SchemaOutcome::kWaited, trouble, 0};
    if (now - told >= kTell) {
      told = now;
      core::log::info("waiting for the schema: {}", trouble);
    }
    std::this_thread::sleep_for(kLook);
  }
}

}  // namespace tollgate::cluster
