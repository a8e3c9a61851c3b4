// The routes of asynchronous work, for relay::add_key_routes().
#pragma once
#include <span>

#include "relay/key_routes.h"

namespace tollgate::tasks {

std::span<const relay::KeyRoute> routes();

}  // namespace tollgate::tasks
