// One node completes the schema, the others wait for it.
#pragma once
#include <chrono>
#include <functional>
#include <string>

#include "cluster/leases.h"
#include "sql/connection.h"

namespace tollgate::cluster {

// The schema this build knows, and the oldest it runs on. A release raises the first by one at most, and never drops or
// narrows what the one before it needs, so that nodes of both work side by side.
#ifndef TOLLGATE_SCHEMA_VERSION  // the tests' build of a next release says 2
#define TOLLGATE_SCHEMA_VERSION 1
#endif
inline constexpr std::int64_t kSchemaVersion = TOLLGATE_SCHEMA_VERSION;
inline constexpr std::int64_t kOldestSchema = 1;

enum class SchemaOutcome {
  kReady,
  kWaited,    // the time is over: nobody completed it, or another does so for too long
  kTooNew,    // a later release has changed it beyond what this build takes
  kDatabase,  // `detail` says what the database said
};
struct SchemaResult {
  SchemaOutcome outcome = SchemaOutcome::kReady;
  std::string detail;
  std::size_t statements = 0;  // that completed the schema
};

struct SchemaSettings {
  bool migrate = true;  // a master; others only wait
  std::chrono::milliseconds wait = std::chrono::seconds(300);
};

// Brings the database to kSchemaVersion under the lease `migrate`, or waits until somebody has. `stop` is asked between
// looks, for signals. Blocks the caller.
SchemaResult await_schema(sql::Pool& pool, const Owner& me, const SchemaSettings& settings,
                          const std::function<bool()>& stop);

}  // namespace tollgate::cluster
