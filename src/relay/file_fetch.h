// The beginning of a file that a client's request links to.
#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "core/fetch_rules.h"
#include "core/result.h"
#include "net/awaitable.h"
#include "net/worker.h"

namespace tollgate::relay {

struct FileStart {
  std::string bytes;
  std::string content_type;
};

struct FetchLimits {
  std::size_t file_bytes = 64U << 20U;  // a longer file is refused
  std::size_t read_bytes = 1U << 20U;   // as much is read of it at most
  std::chrono::steady_clock::time_point due;
  bool verify_tls = true;
};

// Reads until `enough` says so, or the file or the limit ends. Only addresses that the rules take are connected to, all
// of a name's must be; up to three redirects are followed by the same rules. Nothing of the client or of a channel is
// sent along. The error's text is for the client: "request reject: …" when the rules do not take the URL.
net::awaitable<core::Result<FileStart>> fetch_file(net::Worker& worker, std::string url, const core::FetchRules& rules,
                                                   FetchLimits limits, std::function<bool(const FileStart&)> enough);

}  // namespace tollgate::relay
