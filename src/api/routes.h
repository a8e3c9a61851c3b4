// The one table of the management API's routes. Gates, ownership tests and documentation follow from it.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "api/context.h"

namespace tollgate::api {

// kToken: an API key in Authorization, whatever its status, expiry and balance. kOperator: root, or the operators'
// token.
enum class Access { kNone, kToken, kUser, kAdmin, kRoot, kOperator };

// Limits beside the global one.
enum class Limit { kNone, kCritical, kSearch };

// Whose object {id} names: an ownership test is generated for every route that is not kNobodys.
enum class Object { kNobodys, kToken, kUser, kChannel };

struct Route {
  std::string_view method;
  std::string_view pattern;  // without a trailing slash; at most one {id}
  Access access;
  Handler handler;
  Limit limit = Limit::kNone;
  Object object = Object::kNobodys;
};

std::span<const Route> routes();

struct RouteMatch {
  const Route* route = nullptr;  // nullptr: unknown path or method
  std::string parameter;
};

// A trailing slash is the same path, except that /api/models/ is not /api/models. Literal patterns go before {id}.
RouteMatch find_route(std::string_view method, std::string_view path);

}  // namespace tollgate::api
