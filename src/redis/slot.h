// Which of a cluster's 16384 slots a key belongs to (Redis cluster specification, "Key distribution model").
#pragma once
#include <cstdint>
#include <string_view>

#include "redis/reply.h"

namespace tollgate::redis {

constexpr std::size_t kSlots = 16384;

// By what stands between the first { and the next }, where that is not empty.
std::uint16_t slot_of(std::string_view key);

// The key of a command; empty when it has none and any server will do.
std::string_view key_of(const Command& command);

}  // namespace tollgate::redis
