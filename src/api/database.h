// How handlers treat database failures: they do not. A failed statement throws, the Api answers for all of them.
#pragma once
#include <stdexcept>
#include <utility>

#include "core/random.h"
#include "sql/connection.h"
#include "sql/once.h"

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

// For sql::with_once: the name of one write of a request.
inline std::string once_key() { return "req:" + core::random_uuid(); }

}  // namespace tollgate::api
