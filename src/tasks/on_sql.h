// A piece of work with a database connection, for a request that waits for it on its worker.
#pragma once
#include <functional>
#include <memory>

#include "net/suspend.h"
#include "relay/request.h"
#include "sql/connection.h"

namespace tollgate::tasks {

template <class T>
net::awaitable<sql::Result<T>> on_sql(relay::Request& request, std::function<sql::Result<T>(sql::Connection&)> work) {
  using Outcome = std::shared_ptr<sql::Result<T>>;
  auto& relay = request.relay;
  auto outcome = co_await net::suspend<Outcome>([&relay, &work](auto done) {
    bool taken = relay.sql_threads.submit([&relay, work, done] {
      auto lease = relay.pool.lease();
      done(std::make_shared<sql::Result<T>>(lease ? work(**lease) : sql::Result<T>(lease.error())));
    });
    if (!taken) done(nullptr);
  });
  if (!outcome) co_return sql::Error{sql::ErrorClass::kResource, 0, "too much waits for the database"};
  co_return std::move(*outcome);
}

}  // namespace tollgate::tasks
