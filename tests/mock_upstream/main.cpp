#include <charconv>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string_view>

#include "server.h"

// mock_upstream [--port N] [--recordings DIR] [--keep N]
// Prints "listening on 127.0.0.1:PORT" when it serves. README.md beside this file lists what it can be told.
int main(int argc, char** argv) {
  tollgate::mock::Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string_view value = argv[i + 1];
    if (name == "--port") {
      std::from_chars(value.data(), value.data() + value.size(), options.port);
    } else if (name == "--recordings") {
      options.recordings = value;
    } else if (name == "--keep") {
      std::from_chars(value.data(), value.data() + value.size(), options.keep_requests);
    } else {
      std::fprintf(stderr, "mock_upstream: unknown option %s\n", argv[i]);
      return 2;
    }
  }
  std::signal(SIGPIPE, SIG_IGN);
  try {
    tollgate::mock::Server server(options);
    std::printf("listening on 127.0.0.1:%d\n", server.listen());
    std::fflush(stdout);
    server.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mock_upstream: %s\n", error.what());
    return 1;
  }
}
