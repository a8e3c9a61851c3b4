// Who calls: the session cookie or an access token, checked against the database at each request, and the sessions that
// log-in makes and log-out ends.
#pragma once
#include <optional>

#include "api/context.h"
#include "api/routes.h"
#include "model/user.h"

namespace tollgate::api {

// Fills context.user and context.language. An answer means the caller is refused.
std::optional<Response> authenticate(Context& context, Access access);

// Fills context.api_key from the Authorization header. An answer means the caller is refused.
std::optional<Response> authenticate_api_key(Context& context);

// Reads the cookie into context.session; an unreadable one is an empty session.
void load_session(Context& context);

// Puts the user into the session under a new session id and stores the row beside it.
void start_session(Context& context, const model::User& user);

// Removes the session's row and all its values.
void end_session(Context& context);

// Voids every session of a user on all nodes, cookies of other nodes included.
void end_all_sessions(Context& context, core::UserId user);

}  // namespace tollgate::api
