#include "net/http_server.h"

#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <boost/asio.hpp>
#include <unordered_set>

#include "core/log.h"
#include "net/connection.h"
#include "net/worker.h"

namespace tollgate::net {

namespace asio = boost::asio;
using asio::ip::tcp;

struct Server::Listener {
  Listener(Worker& worker, tcp::endpoint where) : acceptor(worker.io()), endpoint(std::move(where)) {}
  tcp::acceptor acceptor;
  tcp::endpoint endpoint;
};

namespace {

std::optional<tcp::endpoint> parse_endpoint(const std::string& text) {
  auto colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  boost::system::error_code ec;
  auto address =
      host.empty() || host == "*" ? asio::ip::address(asio::ip::address_v6::any()) : asio::ip::make_address(host, ec);
  if (ec) return std::nullopt;
  int port = std::atoi(text.c_str() + colon + 1);
  if (port < 0 || port > 65535) return std::nullopt;
  return tcp::endpoint(address, static_cast<std::uint16_t>(port));
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
  bool any = listen.empty();
  if (any) listen.push_back("[::]:" + std::to_string(settings_.port));
  for (const auto& text : listen) {
    auto endpoint = parse_endpoint(text);
    if (!endpoint) return core::error(core::Errc::kInvalid, text + " is no address to listen on");
    auto listener = std::make_unique<Listener>(*workers_.front(), *endpoint);
    auto& acceptor = listener->acceptor;
    boost::system::error_code ec;
    acceptor.open(endpoint->protocol(), ec);
    if (ec && any) {  // no IPv6 on this machine
      listener->endpoint = tcp::endpoint(asio::ip::address_v4::any(), settings_.port);
      acceptor.open(tcp::v4(), ec);
    }
    if (!ec && listener->endpoint.address().is_v6())
      acceptor.set_option(asio::ip::v6_only(!listener->endpoint.address().is_unspecified()), ec);
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    if (!ec) acceptor.bind(listener->endpoint, ec);
    if (ec) return core::error(core::Errc::kUnavailable, text + ": " + ec.message());
    if (listeners_.empty()) port_ = acceptor.local_endpoint(ec).port();
    listeners_.push_back(std::move(listener));
  }
  return {};
}

core::Result<void> Server::listen() {
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0 && descriptors.rlim_cur != RLIM_INFINITY)
    settings_.max_connections = std::min<std::size_t>(settings_.max_connections, descriptors.rlim_cur / 5 * 4);
  for (auto& listener : listeners_) {
    boost::system::error_code ec;
    listener->acceptor.listen(4096, ec);
    if (ec) return core::error(core::Errc::kUnavailable, ec.message());
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
    ::setsockopt(listener->acceptor.native_handle(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
  std::this_thread::sleep_for(std::chrono::milliseconds(150));  // the accept loop empties the queue meanwhile
  std::atomic<bool> closed{false};
  workers_.front()->post([&] {
    for (auto& listener : listeners_) {
      core::IpAddress peer;
      for (int descriptor; (descriptor = accept_one(listener->acceptor.native_handle(), peer)) >= 0;)
        place(descriptor, peer);
      boost::system::error_code ignored;
      listener->acceptor.close(ignored);
    }
    closed = true;
    closed.notify_one();
  });
  closed.wait(false);
}

void Server::close_idle() {
  for (auto* worker : workers_) worker->post([this] { Connection::cancel_idle(*this); });
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
