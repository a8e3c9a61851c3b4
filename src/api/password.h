// Passwords: bcrypt as the compatible API stores them. Each call costs about 50 ms of CPU, so it belongs on a pool
// thread, never on a network worker. All functions are thread-safe.
#pragma once
#include <string>
#include <string_view>

#include "core/result.h"

namespace tollgate::api {

// "$2a$10$…", 60 characters. kInvalid for more than 72 bytes or a NUL, which bcrypt would silently ignore.
core::Result<std::string> hash_password(std::string_view password);

// Constant-time against the stored text. Anything but a bcrypt hash of cost 4–14 never verifies; it still costs one
// hash, so that an unknown user (pass an empty text) answers as slowly as a wrong password.
bool verify_password(std::string_view password, std::string_view stored);

}  // namespace tollgate::api
