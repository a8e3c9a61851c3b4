#include "net/http_server.h"

#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio.hpp>
#include <thread>

#include "core/config_checks.h"
#include "core/log.h"
#include "net/connection.h"
#include "net/worker.h"

namespace tollgate::net {

namespace asio = boost::asio;
using asio::ip::tcp;

struct Server::Listener {
  Listener(Worker& worker, std::string name, core::ListenAddress where)
      : acceptor(worker.io()), text(std::move(name)), address(std::move(where)) {}
  ~Listener() {
    if (bound && !address.path.empty()) ::unlink(address.path.c_str());
  }
  bool is_unix() const { return !address.path.empty(); }

  tcp::acceptor acceptor;  // also of a unix socket: what is done with it does not depend on the family
  std::string text;        // for errors
  core::ListenAddress address;
  bool bound = false;
};

namespace {

core::Error not_bound(const std::string& text, const std::string& why) {
  return core::error(core::Errc::kUnavailable, text + ": " + why);
}

// A socket file that an earlier process left is removed; one that somebody answers at is not.
core::Result<int> bind_unix(const core::ListenAddress& where) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (where.path.size() >= sizeof name.sun_path)
    return core::error(core::Errc::kUnavailable, "the path of a socket may have 107 bytes");
  std::memcpy(name.sun_path, where.path.data(), where.path.size());
  const auto* address = reinterpret_cast<const sockaddr*>(&name);
  int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return core::error(core::Errc::kUnavailable, std::strerror(errno));
  if (::connect(descriptor, address, sizeof name) == 0) {
    ::close(descriptor);
    return core::error(core::Errc::kUnavailable, std::strerror(EADDRINUSE));
  }
  if (errno == ECONNREFUSED) ::unlink(where.path.c_str());
  if (::bind(descriptor, address, sizeof name) != 0 || ::chmod(where.path.c_str(), where.mode) != 0) {
    auto why = std::strerror(errno);
    ::close(descriptor);
    return core::error(core::Errc::kUnavailable, why);
  }
  return descriptor;
}

// Takes a connection that waits, with its peer's address; -1 when there is none.
int accept_one(int listener, core::IpAddress& peer) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  int descriptor = ::accept4(listener, reinterpret_cast<sockaddr*>(&name), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  peer = {};
  if (name.ss_family == AF_INET6) {
    std::memcpy(peer.bytes.data(), &reinterpret_cast<sockaddr_in6&>(name).sin6_addr, 16);
  } else if (name.ss_family == AF_INET) {
    peer.bytes[10] = peer.bytes[11] = 0xFF;
    std::memcpy(peer.bytes.data() + 12, &reinterpret_cast<sockaddr_in&>(name).sin_addr, 4);
  } else {
    peer.bytes[15] = 1;  // a unix socket: this machine
  }
  return descriptor;
}

}  // namespace

Server::Server(ServerSettings settings, std::vector<Worker*> workers, Handler handler)
    : settings_(std::move(settings)), workers_(std::move(workers)), handler_(std::move(handler)) {}

Server::~Server() = default;

void Server::close() { listeners_.clear(); }

core::Result<void> Server::bind() {
  auto listen = settings_.listen;
  if (listen.empty()) listen.push_back(":" + std::to_string(settings_.port));
  for (const auto& text : listen) {
    auto address = core::parse_listen(text);
    if (!address) return core::error(core::Errc::kInvalid, text + " is no address to listen on");
    auto listener = std::make_unique<Listener>(*workers_.front(), text, *address);
    if (auto bound = bind_one(*listener); !bound) return bound;
    if (listeners_.empty()) port_ = listener->address.port;
    listeners_.push_back(std::move(listener));
  }
  return {};
}

core::Result<void> Server::bind_one(Listener& listener) {
  auto& acceptor = listener.acceptor;
  auto& address = listener.address;
  boost::system::error_code ec;
  if (listener.is_unix()) {
    auto descriptor = bind_unix(address);
    if (!descriptor) return not_bound(listener.text, descriptor.error().message);
    acceptor.assign(tcp::v6(), *descriptor, ec);
  } else {
    const bool any = address.host == "*";
    auto ip = any ? asio::ip::address(asio::ip::address_v6::any()) : asio::ip::make_address(address.host, ec);
    acceptor.open(ip.is_v6() ? tcp::v6() : tcp::v4(), ec);
    if (ec && any) {  // no IPv6 on this machine
      ip = asio::ip::address_v4::any();
      acceptor.open(tcp::v4(), ec);
    }
    if (!ec && ip.is_v6()) acceptor.set_option(asio::ip::v6_only(!ip.is_unspecified()), ec);
    if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec) acceptor.bind({ip, address.port}, ec);
    if (!ec) address.port = acceptor.local_endpoint(ec).port();
  }
  if (ec) {
    boost::system::error_code ignored;
    acceptor.close(ignored);
    return not_bound(listener.text, ec.message());
  }
  listener.bound = true;
  return {};
}

core::Result<void> Server::listen() {
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0 && descriptors.rlim_cur != RLIM_INFINITY)
    settings_.max_connections = std::min<std::size_t>(settings_.max_connections, descriptors.rlim_cur / 5 * 4);
  for (auto& listener : listeners_) {
    boost::system::error_code ec;
    listener->acceptor.listen(4096, ec);
    if (ec) return not_bound(listener->text, ec.message());
    listener->acceptor.non_blocking(true);
    workers_.front()->post([this, raw = listener.get()] { workers_.front()->spawn(accept_loop(*raw)); });
  }
  return {};
}

int Server::open_connections() const {
  int sum = 0;
  for (auto* worker : workers_) sum += worker->connections().load(std::memory_order_relaxed);
  return sum;
}

Server::Requests Server::requests() const {
  Requests sum;
  for (auto* worker : workers_) {
    sum.taken += worker->requests_taken().load(std::memory_order_relaxed);
    sum.refused += worker->requests_refused().load(std::memory_order_relaxed);
  }
  return sum;
}

// One place accepts and hands each connection to the worker with the fewest: a hash of addresses (SO_REUSEPORT) is
// lopsided when a few long connections of a balancer carry all traffic.
awaitable<void> Server::accept_loop(Listener& listener) {
  for (;;) {
    auto [waited] = co_await listener.acceptor.async_wait(tcp::acceptor::wait_read, asio::as_tuple(asio::deferred));
    if (waited || !listener.acceptor.is_open()) co_return;
    bool out_of_descriptors = false;
    for (int i = 0; i < 256; ++i) {
      core::IpAddress peer;
      int descriptor = accept_one(listener.acceptor.native_handle(), peer);
      if (descriptor < 0) {
        out_of_descriptors = errno == EMFILE || errno == ENFILE;
        break;
      }
      last_accepted_.store(std::chrono::steady_clock::now(), std::memory_order_relaxed);
      place(descriptor, peer);
    }
    if (out_of_descriptors) {
      core::log::error("out of file descriptors with {} connections; raise the limit (ulimit -n)", open_connections());
      co_await sleep_for(std::chrono::milliseconds(200));
    }
  }
}

bool Server::is_trusted(const core::IpAddress& peer) const {
  if (settings_.trust_all) return true;
  for (const auto& block : settings_.trusted_proxies)
    if (block.contains(peer)) return true;
  return false;
}

void Server::left(const core::IpAddress& peer, Worker& worker) {
  if (!is_trusted(peer)) per_address_.leave(peer);
  worker.connections().fetch_sub(1, std::memory_order_relaxed);
}

void Server::place(int descriptor, const core::IpAddress& peer) {
  if (static_cast<std::size_t>(open_connections()) >= settings_.max_connections ||
      (!is_trusted(peer) && !per_address_.enter(peer, settings_.max_connections_per_address))) {
    ::close(descriptor);
    return;
  }
  Worker* least = workers_.front();
  for (auto* worker : workers_)
    if (worker->connections().load(std::memory_order_relaxed) < least->connections().load(std::memory_order_relaxed))
      least = worker;
  least->connections().fetch_add(1, std::memory_order_relaxed);
  auto begin = [this, least, descriptor, peer] {
    boost::system::error_code ec;
    tcp::socket socket(least->io());
    socket.assign(tcp::v6(), descriptor, ec);
    if (ec) {
      ::close(descriptor);
      left(peer, *least);
      return;
    }
    least->spawn(Connection::serve(*this, *least, std::move(socket), peer));
  };
  if (least == workers_.front())
    begin();
  else
    least->post(begin);
}

void Server::stop_accepting() {
  begin_drain();
  // Lets every TCP segment through but a SYN without ACK: handshakes under way complete and are accepted, a new SYN is
  // dropped and its repetition, a second later, refused. A plain close would reset what waits in the queue.
  sock_filter code[] = {
      {0x30, 0, 0, 13},          // ldb [13]        flags of the TCP header
      {0x54, 0, 0, 0x12},        // and #0x12       SYN | ACK
      {0x15, 1, 0, 0x02},        // jeq #0x02       SYN alone: drop
      {0x06, 0, 0, 0xFFFFFFFF},  // ret #-1
      {0x06, 0, 0, 0},           // drop: ret #0
  };
  sock_fprog program{5, code};
  for (auto& listener : listeners_)
    if (!listener->is_unix() &&
        ::setsockopt(listener->acceptor.native_handle(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
      core::log::warn("no socket filter ({}): connections being made now may be reset", std::strerror(errno));
  // The accept loop empties the queues meanwhile.
  constexpr auto kEmptyFor = std::chrono::milliseconds(100);
  const auto filtered = std::chrono::steady_clock::now();
  const auto latest = filtered + std::chrono::seconds(5);
  for (auto now = filtered; now < latest; now = std::chrono::steady_clock::now()) {
    if (now - std::max(filtered, last_accepted_.load(std::memory_order_relaxed)) >= kEmptyFor) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  on_first_worker([this] {
    for (auto& listener : listeners_) {
      core::IpAddress peer;
      for (int descriptor; (descriptor = accept_one(listener->acceptor.native_handle(), peer)) >= 0;)
        place(descriptor, peer);
      boost::system::error_code ignored;
      listener->acceptor.close(ignored);
    }
  });
}

core::Result<void> Server::resume() {
  core::Result<void> bound;
  on_first_worker([&] {
    for (auto& listener : listeners_)
      if (bound && !listener->acceptor.is_open()) bound = bind_one(*listener);
  });
  if (!bound) return bound;
  draining_.store(false, std::memory_order_relaxed);
  return listen();
}

void Server::on_first_worker(const std::function<void()>& job) {
  std::atomic<bool> done{false};
  workers_.front()->post([&] {
    job();
    done = true;
    done.notify_one();
  });
  done.wait(false);
}

void Server::close_idle(std::chrono::milliseconds of_clients, std::chrono::milliseconds of_balancers) {
  for (auto* worker : workers_)
    worker->post([this, of_clients, of_balancers] { Connection::cancel_idle(*this, of_clients, of_balancers); });
}

std::string to_text(const core::IpAddress& address) {
  asio::ip::address_v6 v6(address.bytes);
  return v6.is_v4_mapped() ? asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_string() : v6.to_string();
}

namespace {

// An entry of X-Forwarded-For: "ip", "ip:port" or "[v6]:port".
std::optional<core::IpAddress> parse_forwarded(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  if (auto address = core::parse_ip(text)) return address;
  if (text.starts_with('[')) {
    auto close = text.find(']');
    return close == std::string_view::npos ? std::nullopt : core::parse_ip(text.substr(1, close - 1));
  }
  auto colon = text.find(':');
  return colon == std::string_view::npos ? std::nullopt : core::parse_ip(text.substr(0, colon));
}

}  // namespace

std::string resolve_client_ip(const core::IpAddress& peer, const HeaderList& headers,
                              std::span<const core::IpBlock> trusted, bool trust_all) {
  auto is_trusted = [&](const core::IpAddress& address) {
    if (trust_all) return true;
    for (const auto& block : trusted)
      if (block.contains(address)) return true;
    return false;
  };
  if (!is_trusted(peer)) return to_text(peer);
  std::string chain;
  for (const auto& header : headers.all()) {
    if (!equals_ignoring_case(header.name, "x-forwarded-for")) continue;
    if (!chain.empty()) chain += ',';
    chain += header.value;
  }
  if (!chain.empty()) {
    core::IpAddress last_good = peer;
    std::string_view rest = chain;
    while (true) {
      auto comma = rest.rfind(',');
      auto entry = parse_forwarded(comma == std::string_view::npos ? rest : rest.substr(comma + 1));
      if (!entry) break;
      last_good = *entry;
      if (!is_trusted(*entry) || comma == std::string_view::npos) break;
      rest = rest.substr(0, comma);
    }
    return to_text(last_good);
  }
  if (auto real = headers.find("x-real-ip"))
    if (auto address = parse_forwarded(*real)) return to_text(*address);
  return to_text(peer);
}

}  // namespace tollgate::net
