// How handlers treat database failures: they do not. A failed statement throws, the Api answers for all of them.
#pragma once
#include <stdexcept>
#include <utility>

#include "sql/connection.h"

namespace tollgate::api {

struct DatabaseError : std::runtime_error {
  explicit DatabaseError(const sql::Error& error) : std::runtime_error(error.message), cls(error.cls) {}
  sql::ErrorClass cls;
};

inline void must(sql::Result<void>&& result) {
  if (!result) throw DatabaseError(result.error());
}

template <class T>
T must(sql::Result<T>&& result) {
  if (!result) throw DatabaseError(result.error());
  return std::move(*result);
}

}  // namespace tollgate::api
