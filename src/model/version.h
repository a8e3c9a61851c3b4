// Versions of shared data (table tg_versions): whoever changes such data raises its topic in the same transaction, so
// that other nodes learn of both together (docs/cluster-internals.md).
#pragma once
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include "sql/connection.h"
#include "sql/transaction.h"

namespace tollgate::model {

// kChannels covers abilities as well: they are written together. kAll rises with every other topic.
enum class Topic { kAll, kChannels, kOptions, kSetup };
std::string_view to_string(Topic topic);

// The last statement of the transaction that made the change.
sql::Result<void> raise_version(sql::Connection& db, Topic topic);

// As sql::with_transaction, raising `topic` when `changed` says of the result that something was. Inside an open
// transaction it joins that one, which repeats and commits as its owner sees fit.
template <class Body, class Changed>
auto with_version(sql::Connection& db, Topic topic, Body body, Changed changed) -> decltype(body(db)) {
  auto both = [&](sql::Connection& connection) -> decltype(body(db)) {
    auto result = body(connection);
    if (!result || !changed(result)) return result;
    if (auto raised = raise_version(connection, topic); !raised) return raised.error();
    return result;
  };
  return db.in_transaction() ? both(db) : sql::with_transaction(db, both);
}
// A result of false says that nothing was changed.
template <class Body>
auto with_version(sql::Connection& db, Topic topic, Body body) -> decltype(body(db)) {
  return with_version(db, topic, body, [](const auto& result) {
    if constexpr (requires {
                    { *result } -> std::same_as<const bool&>;
                  })
      return *result;
    return true;
  });
}

struct Version {
  std::string topic;
  std::int64_t number = 0;
};
sql::Result<std::vector<Version>> read_versions(sql::Connection& db);

// The version of `all`. Inside a transaction nobody else raises any until that ends; such a transaction asks for it
// first.
sql::Result<std::int64_t> lock_epoch(sql::Connection& db);

// The rows of all topics, where they are missing. Outside of a transaction; several nodes may do so at once.
sql::Result<void> seed_versions(sql::Connection& db);

}  // namespace tollgate::model
