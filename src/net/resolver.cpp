#include "net/resolver.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>

#include "core/ip_address.h"

namespace tollgate::net {
namespace {

using std::chrono::steady_clock;

// What is known is given at once; when it is older than kFresh the name is asked for again behind that, so that whoever
// finds nothing at the old address has the new one with the next attempt.
constexpr auto kFresh = std::chrono::seconds(1);
constexpr auto kLife = std::chrono::seconds(60);
// While names cannot be looked up, or there is no answer for kPatience, what was found last serves.
constexpr auto kRemembered = std::chrono::minutes(5);
constexpr auto kPatience = std::chrono::seconds(1);
constexpr std::size_t kCacheSize = 4096;

}  // namespace

struct Resolver::State {
  struct Query {
    State* state;
    std::string host;
    Done done;  // empty once it was called, and where nobody waits
    steady_clock::time_point begun = steady_clock::now();
  };
  struct Cached {
    Addresses addresses;
    steady_clock::time_point found;
    bool asked_again = false;
  };

  std::mutex mutex;
  std::unordered_map<std::string, Cached> cache;
  std::vector<std::unique_ptr<Query>> waiting;
  std::set<Query*> open;  // on the resolver's thread only
  bool stopping = false;
  int wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  ares_channel channel = nullptr;
  std::thread thread;

  // What was found for the name within `age`.
  std::optional<Addresses> found_within(const std::string& host, std::chrono::milliseconds age) {
    std::lock_guard lock(mutex);
    auto found = cache.find(host);
    if (found == cache.end() || steady_clock::now() - found->second.found >= age) return std::nullopt;
    return found->second.addresses;
  }

  void ask(const std::string& host, Done done) {
    {
      std::lock_guard lock(mutex);
      waiting.push_back(std::make_unique<Query>(Query{this, host, std::move(done)}));
    }
    nudge();
  }

  void ask_again(const std::string& host) {
    {
      std::lock_guard lock(mutex);
      auto found = cache.find(host);
      if (found == cache.end() || found->second.asked_again || steady_clock::now() - found->second.found < kFresh)
        return;
      found->second.asked_again = true;
    }
    ask(host, nullptr);
  }

  void asked_in_vain(const std::string& host) {
    std::lock_guard lock(mutex);
    if (auto found = cache.find(host); found != cache.end()) found->second.asked_again = false;
  }

  static void answered(void* argument, int status, int, ares_addrinfo* info) {
    std::unique_ptr<Query> query(static_cast<Query*>(argument));
    query->state->open.erase(query.get());
    if (status != ARES_SUCCESS) {
      query->state->asked_in_vain(query->host);
      if (!query->done) return;
      auto known = query->state->found_within(query->host, kRemembered);
      if (known && status != ARES_EDESTRUCTION) return query->done(std::move(*known));
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
      query->state->asked_in_vain(query->host);
      if (query->done) query->done(core::error(core::Errc::kNotFound, "name has no address"));
      return;
    }
    {
      std::lock_guard lock(query->state->mutex);
      auto& cache = query->state->cache;
      if (cache.size() >= kCacheSize) cache.clear();
      cache[query->host] = {addresses, steady_clock::now()};
    }
    if (query->done) query->done(std::move(addresses));
  }

  // Who waits for a server that says nothing goes on with what is known; the query stays, and may find out more.
  void answer_overdue() {
    const auto now = steady_clock::now();
    for (auto* query : open) {
      if (!query->done || now - query->begun < kPatience) continue;
      if (auto known = found_within(query->host, kRemembered)) std::exchange(query->done, nullptr)(std::move(*known));
    }
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
        open.insert(raw);
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
      answer_overdue();
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
  auto found = state_->found_within(host, kLife);
  if (!found) return state_->ask(host, std::move(done));
  state_->ask_again(host);
  done(std::move(*found));
}

}  // namespace tollgate::net
