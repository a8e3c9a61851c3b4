// The id of a client request: what the answer's X-Oneapi-Request-Id, error texts and log rows carry.
#pragma once
#include <string>

#include "core/clock.h"
#include "core/random.h"

namespace tollgate::core {

// UTC time as YYYYMMDDhhmmss, the nanosecond of the second without padding, eight random alphanumerics: the form the
// compatible product gives, at most 31 characters.
std::string make_request_id(SystemTime now, FastRandom& random);

}  // namespace tollgate::core
