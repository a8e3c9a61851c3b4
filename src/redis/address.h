// Where the Redis servers are: the text of REDIS_CONN_STRING and the variables that complete it.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace tollgate::redis {

// One server: a host and a port, or the path of a unix socket.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
  std::string path;  // of a unix socket; host and port mean nothing then

  std::string text() const;  // "host:port", "[v6]:port" or the path
  bool operator==(const Endpoint&) const = default;
  auto operator<=>(const Endpoint&) const = default;
};

// What the servers are to each other. kAuto: they are asked.
enum class Mode { kAuto, kStandalone, kSentinel, kCluster };

const char* to_string(Mode mode);

struct Credentials {
  std::string user, password;
  bool operator==(const Credentials&) const = default;
};

struct Address {
  Mode mode = Mode::kAuto;
  bool tls = false;
  std::vector<Endpoint> endpoints;  // at least one
  Credentials credentials;
  int database = 0;
  std::string master_name;  // of a sentinel group
  Credentials sentinel;     // for the sentinels themselves
  std::optional<std::chrono::milliseconds> connect_timeout, command_timeout;
  std::vector<std::string> warnings;  // for the operator; no secret in them
};

// One URL, several hosts in one, or a list of them separated by commas, with the schemes redis, rediss (TLS), unix, and
// redis+sentinel, redis+cluster with their rediss forms; a list without a scheme is redis. docs/redis.md is the grammar
// in prose. Errors: kInvalid with what is wrong, without the text itself, which may hold a password.
core::Result<Address> parse_address(std::string_view text);

}  // namespace tollgate::redis
