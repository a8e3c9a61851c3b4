#include "net/resolver.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "core/ip_address.h"

namespace tollgate::net {
namespace {

constexpr auto kLife = std::chrono::seconds(60);
constexpr std::size_t kCacheSize = 4096;

}  // namespace

struct Resolver::State {
  struct Query {
    State* state;
    std::string host;
    Done done;
  };
  struct Cached {
    Addresses addresses;
    std::chrono::steady_clock::time_point until;
  };

  std::mutex mutex;
  std::unordered_map<std::string, Cached> cache;
  std::vector<std::unique_ptr<Query>> waiting;
  bool stopping = false;
  int wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  ares_channel channel = nullptr;
  std::thread thread;

  static void answered(void* argument, int status, int, ares_addrinfo* info) {
    std::unique_ptr<Query> query(static_cast<Query*>(argument));
    if (status != ARES_SUCCESS) {
      auto code = status == ARES_ENOTFOUND || status == ARES_ENODATA ? core::Errc::kNotFound : core::Errc::kUnavailable;
      query->done(core::error(code, std::string("name lookup failed: ") + ares_strerror(status)));
      return;
    }
    Addresses addresses;
    for (auto* node = info->nodes; node; node = node->ai_next) {
      char text[INET6_ADDRSTRLEN];
      const void* raw = node->ai_family == AF_INET
                            ? static_cast<const void*>(&reinterpret_cast<sockaddr_in*>(node->ai_addr)->sin_addr)
                            : static_cast<const void*>(&reinterpret_cast<sockaddr_in6*>(node->ai_addr)->sin6_addr);
      if (inet_ntop(node->ai_family, raw, text, sizeof text)) addresses.emplace_back(text);
    }
    ares_freeaddrinfo(info);
    if (addresses.empty()) {
      query->done(core::error(core::Errc::kNotFound, "name has no address"));
      return;
    }
    {
      std::lock_guard lock(query->state->mutex);
      auto& cache = query->state->cache;
      if (cache.size() >= kCacheSize) cache.clear();
      cache[query->host] = {addresses, std::chrono::steady_clock::now() + kLife};
    }
    query->done(std::move(addresses));
  }

  void run() {
    for (;;) {
      std::vector<std::unique_ptr<Query>> queries;
      {
        std::lock_guard lock(mutex);
        if (stopping) break;
        queries.swap(waiting);
      }
      for (auto& query : queries) {
        ares_addrinfo_hints hints{};
        hints.ai_family = AF_UNSPEC;
        hints.ai_socktype = SOCK_STREAM;
        auto* raw = query.release();
        ares_getaddrinfo(channel, raw->host.c_str(), nullptr, &hints, answered, raw);
      }
      ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
      int bits = ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
      std::vector<pollfd> watched{{wake, POLLIN, 0}};
      for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
        short events = 0;
        if (ARES_GETSOCK_READABLE(bits, i)) events |= POLLIN;
        if (ARES_GETSOCK_WRITABLE(bits, i)) events |= POLLOUT;
        if (events) watched.push_back({sockets[i], events, 0});
      }
      poll(watched.data(), watched.size(), watched.size() > 1 ? 200 : -1);
      if (watched[0].revents) {
        std::uint64_t count;
        [[maybe_unused]] auto ignored = read(wake, &count, sizeof count);
      }
      bool any = false;
      for (std::size_t i = 1; i < watched.size(); ++i) {
        if (!watched[i].revents) continue;
        any = true;
        ares_process_fd(channel, watched[i].revents & (POLLIN | POLLERR | POLLHUP) ? watched[i].fd : ARES_SOCKET_BAD,
                        watched[i].revents & POLLOUT ? watched[i].fd : ARES_SOCKET_BAD);
      }
      if (!any) ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // time limits
    }
    ares_destroy(channel);  // answers what is open with ARES_EDESTRUCTION
  }

  void nudge() {
    std::uint64_t one = 1;
    [[maybe_unused]] auto ignored = write(wake, &one, sizeof one);
  }
};

Resolver::Resolver() : state_(std::make_unique<State>()) {
  ares_library_init(ARES_LIB_INIT_ALL);
  ares_options options{};
  options.timeout = 2500;
  options.tries = 3;
  if (ares_init_options(&state_->channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) != ARES_SUCCESS)
    throw std::runtime_error("c-ares cannot be initialised");
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

Resolver::~Resolver() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->nudge();
  state_->thread.join();
  close(state_->wake);
  ares_library_cleanup();
}

void Resolver::resolve(const std::string& host, Done done) {
  if (core::parse_ip(host)) return done(Addresses{host});
  {
    std::unique_lock lock(state_->mutex);
    auto found = state_->cache.find(host);
    if (found != state_->cache.end() && found->second.until > std::chrono::steady_clock::now()) {
      auto addresses = found->second.addresses;
      lock.unlock();
      return done(std::move(addresses));
    }
    state_->waiting.push_back(std::make_unique<State::Query>(State::Query{state_.get(), host, std::move(done)}));
  }
  state_->nudge();
}

}  // namespace tollgate::net
