// Plain calls to the upstreams of tasks: short, read whole, for requests and for the poller alike.
#pragma once
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "net/awaitable.h"
#include "net/http_client.h"
#include "relay/answer_headers.h"
#include "relay/snapshot.h"

namespace tollgate::tasks {

struct Call {
  std::string_view method = "POST";
  std::string path;  // behind the channel's base address, with its query
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::chrono::milliseconds limit{0};  // of the whole call; 0: the channel's
  bool through_proxy = true;           // the channel's
};

struct Answer {
  int status = 0;       // 0: none came
  std::string failure;  // why; for the log
  std::string body;
  std::string content_type;
  relay::PassedHeaders passed;
  bool ok() const { return status == 200; }
};

struct CallSettings {
  bool verify_tls = true;
  std::size_t max_bytes = 32U << 20U;
  bool pass_upstream_id = false;
};

// On the calling worker.
net::awaitable<Answer> call_upstream(const relay::Channel& channel, Call call, CallSettings settings);

// The address of a path at the channel's upstream; kInvalid when the channel has none.
core::Result<net::Url> address_of(const relay::Channel& channel, std::string_view path);

}  // namespace tollgate::tasks
