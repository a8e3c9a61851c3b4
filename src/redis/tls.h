// How TLS towards Redis is done: REDIS_CONN_STRING turns it on, TOLLGATE_REDIS_… variables complete it.
#pragma once
#include <string>

namespace tollgate::redis {

struct TlsSettings {
  std::string ca, cert, key;  // files in PEM; an empty `ca` stands for the system's certificates
  std::string server_name;    // the host that is connected to when empty
  bool verify = true;
};

}  // namespace tollgate::redis
