#include "net/connection.h"

#include <zlib.h>

#include "core/log.h"
#include "net/chunked.h"

namespace tollgate::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using core::Errc;

namespace {

constexpr std::size_t kSpare = 64;                            // readable bytes behind a body
constexpr auto kWatchAfter = std::chrono::milliseconds(100);  // shorter exchanges never pay for the watch
thread_local Connection* t_connections = nullptr;

core::Error write_error(StreamFault fault) {
  switch (fault) {
    case StreamFault::kTimeout: return core::error(Errc::kTimeout, "the client takes nothing");
    case StreamFault::kCancelled: return core::error(Errc::kCancelled, "cancelled");
    default: return core::error(Errc::kClosed, "the client closed the connection");
  }
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 204: return "No Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Status";
  }
}

iovec piece(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

core::IpAddress address_of(const tcp::socket& socket) {
  core::IpAddress address;
  boost::system::error_code ec;
  auto endpoint = socket.remote_endpoint(ec);
  if (ec) return address;
  if (endpoint.address().is_v6()) {
    address.bytes = endpoint.address().to_v6().to_bytes();
  } else {
    auto v4 = endpoint.address().to_v4().to_bytes();
    address.bytes[10] = address.bytes[11] = 0xFF;
    std::copy(v4.begin(), v4.end(), address.bytes.begin() + 12);
  }
  return address;
}

}  // namespace

Connection::Connection(Server& server, Worker& worker, tcp::socket socket)
    : server_(server), worker_(worker), stream_(worker, std::move(socket)), peer_(address_of(stream_.socket())) {
  next_ = t_connections;
  if (next_) next_->previous_ = this;
  t_connections = this;
}

Connection::~Connection() {
  if (next_) next_->previous_ = previous_;
  if (previous_)
    previous_->next_ = next_;
  else if (t_connections == this)
    t_connections = next_;
  worker_.connections().fetch_sub(1, std::memory_order_relaxed);
}

awaitable<void> Connection::serve(Server& server, Worker& worker, tcp::socket socket) {
  auto connection = std::make_shared<Connection>(server, worker, std::move(socket));
  co_await connection->run();
  connection->stream_.close();
}

void Connection::cancel_idle(Server& server) {
  for (auto* connection = t_connections; connection; connection = connection->next_)
    if (&connection->server_ == &server && !connection->in_exchange_ && connection->input_.empty())
      connection->stream_.cancel();
}

awaitable<void> Connection::run() {
  for (;;) {
    bool got = co_await read_head();
    if (!got) co_return;
    auto next = co_await exchange();
    if (next == Next::kClose) co_return;
  }
}

// False: the connection ends (silence, hang-up, or a head that was refused).
awaitable<bool> Connection::read_head() {
  auto idle = server_.settings_.idle_timeout;
  std::size_t looked = 0;
  bool limited = false;
  for (;;) {
    // Blank lines before a request line are skipped, as RFC 9112 §2.2 asks of servers.
    while (looked == 0 && (input_.starts_with("\r\n"))) input_.erase(0, 2);
    if (auto end = find_head_end(input_, looked)) {
      head_text_.assign(input_, 0, end);
      input_.erase(0, end);
      break;
    }
    if (input_.size() > kMaxRequestHead) {
      co_await refuse(431, "head too long");
      co_return false;
    }
    looked = input_.size();
    if (input_.empty() || !limited) {
      limited = !input_.empty();
      stream_.limit(std::chrono::steady_clock::now() + (limited ? server_.settings_.head_timeout : idle));
    }
    auto fault = co_await stream_.wait_readable();
    if (fault == StreamFault::kTimeout && !input_.empty()) co_await refuse(408, "the head takes too long");
    if (fault != StreamFault::kNone) co_return false;
    auto buffer = worker_.buffers().borrow();
    auto got = stream_.read_some(buffer.data(), kBufferSize);
    if (got == 0 || got == -2) co_return false;
    if (got > 0) input_.append(buffer.data(), static_cast<std::size_t>(got));
  }
  stream_.no_limit();
  auto fault = parse_request_head(head_text_, head_);
  if (fault.status != 0) {
    co_await refuse(fault.status, fault.reason);
    co_return false;
  }
  co_return true;
}

// An answer to what is no request: nothing after it can be trusted, so the connection closes.
awaitable<void> Connection::refuse(int status, std::string_view reason) {
  std::string body = "{\"error\":{\"message\":\"" + std::string(reason) +
                     "\",\"type\":\"invalid_request_error\",\"param\":\"\",\"code\":\"bad_http_message\"}}";
  std::string text =
      "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_phrase(status)) +
      "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\n\r\n" + body;
  iovec pieces[] = {piece(text)};
  stream_.limit(std::chrono::steady_clock::now() + std::chrono::seconds(5));
  co_await stream_.write_all(pieces);
  ::shutdown(stream_.socket().native_handle(), SHUT_WR);
  // Reads on a moment so that unread bytes do not turn our answer into a reset.
  auto buffer = worker_.buffers().borrow();
  for (int i = 0; i < 16; ++i) {
    auto got = stream_.read_some(buffer.data(), kBufferSize);
    if (got == 0 || got == -2) break;
    if (got > 0) continue;
    stream_.limit(std::chrono::steady_clock::now() + std::chrono::milliseconds(500));
    auto fault = co_await stream_.wait_readable();
    if (fault != StreamFault::kNone) break;
  }
}

awaitable<Connection::Next> Connection::exchange() {
  in_exchange_ = true;
  must_close_ = !head_.keep_alive;
  body_done_ = head_.framing == BodyFraming::kNone;
  server_.exchanges_.fetch_add(1, std::memory_order_relaxed);
  {
    Exchange exchange(*this);
    std::exception_ptr failure;
    try {
      co_await server_.handler_(exchange);
    } catch (...) {
      failure = std::current_exception();
    }
    if (failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& error) {
        core::log::error("handler of {} {}: {}", head_.method, head_.path, error.what());
      }
      if (!exchange.started_ && !exchange.answered_) {
        Header json{"Content-Type", "application/json"};
        co_await exchange.answer(
            500, {&json, 1},
            "{\"error\":{\"message\":\"internal error\",\"type\":\"tollgate_internal\",\"param\":\"\","
            "\"code\":\"internal_error\"}}");
      } else {
        aborted_ = true;
      }
    }
    if (!exchange.answered_) aborted_ = true;
  }
  on_gone_ = nullptr;
  watch_after_.clear();
  if (watching_) {
    boost::system::error_code ignored;
    stream_.socket().cancel(ignored);
  }
  body_.reset();
  body_size_ = 0;
  in_exchange_ = false;
  server_.exchanges_.fetch_sub(1, std::memory_order_relaxed);
  if (aborted_) stream_.reset_on_close();
  bool close = aborted_ || client_gone_ || must_close_ || server_.draining() || !body_done_ || stream_.cancelled();
  if (close && !aborted_ && !client_gone_) {
    // What the client still sends (an unread body) must not turn the answer into a reset.
    ::shutdown(stream_.socket().native_handle(), SHUT_WR);
    if (!body_done_) {
      auto buffer = worker_.buffers().borrow();
      stream_.limit(std::chrono::steady_clock::now() + std::chrono::seconds(2));
      for (;;) {
        auto got = stream_.read_some(buffer.data(), kBufferSize);
        if (got == 0 || got == -2) break;
        if (got > 0) continue;
        auto fault = co_await stream_.wait_readable();
        if (fault != StreamFault::kNone) break;
      }
    }
  }
  co_return close ? Next::kClose : Next::kKeep;
}

awaitable<core::Result<std::size_t>> Connection::receive(char* out, std::size_t size) {
  if (!input_.empty()) {
    auto take = std::min(size, input_.size());
    std::memcpy(out, input_.data(), take);
    input_.erase(0, take);
    co_return take;
  }
  for (;;) {
    auto got = stream_.read_some(out, size);
    if (got > 0) co_return static_cast<std::size_t>(got);
    if (got == 0 || got == -2) co_return core::error(Errc::kClosed, "the client closed the connection inside the body");
    stream_.limit(std::chrono::steady_clock::now() + server_.settings_.body_timeout);
    auto fault = co_await stream_.wait_readable();
    if (fault == StreamFault::kTimeout) co_return core::error(Errc::kTimeout, "the body takes too long");
    if (fault != StreamFault::kNone) co_return core::error(Errc::kClosed, "the client closed the connection");
  }
}

namespace {

// A body that grows as its bytes arrive: a length that was only claimed costs no memory.
class GrowingBody {
 public:
  explicit GrowingBody(std::size_t limit) : limit_(limit) {}
  char* room(std::size_t wanted) {
    if (size_ + wanted + kSpare > capacity_) {
      auto grown = std::max(size_ + wanted, std::min(capacity_ * 2, limit_)) + kSpare;
      std::unique_ptr<char[]> bigger(new char[grown]);
      if (size_ > 0) std::memcpy(bigger.get(), data_.get(), size_);
      data_ = std::move(bigger);
      capacity_ = grown;
    }
    return data_.get() + size_;
  }
  void added(std::size_t bytes) { size_ += bytes; }
  std::size_t size() const { return size_; }
  std::unique_ptr<char[]> take() {
    room(0);
    std::memset(data_.get() + size_, 0, kSpare);
    return std::move(data_);
  }

 private:
  std::size_t limit_;
  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

core::Result<void> gunzip(std::string_view packed, std::size_t limit, GrowingBody& out) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return core::error(Errc::kInternal, "zlib");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  int state = Z_OK;
  while (state == Z_OK) {
    constexpr std::size_t kStep = 64 * 1024;
    stream.next_out = reinterpret_cast<Bytef*>(out.room(kStep));
    stream.avail_out = kStep;
    state = inflate(&stream, Z_NO_FLUSH);
    out.added(kStep - stream.avail_out);
    if (out.size() > limit) break;
    if (stream.avail_in == 0 && stream.avail_out != 0 && state == Z_OK) break;
  }
  inflateEnd(&stream);
  if (out.size() > limit) return core::error(Errc::kTooLarge, "request body too large");
  if (state != Z_STREAM_END) return core::error(Errc::kInvalid, "the body is not whole gzip");
  return {};
}

}  // namespace

awaitable<core::Result<std::string_view>> Connection::read_body(std::size_t limit) {
  if (body_) co_return std::string_view(body_.get(), body_size_);
  GrowingBody body(limit);
  if (!body_done_) {
    auto too_large = core::error(Errc::kTooLarge, "request body too large");
    if (head_.framing == BodyFraming::kLength && head_.content_length > limit) co_return too_large;
    if (auto expect = head_.headers.find("expect");
        expect && equals_ignoring_case(*expect, "100-continue") && input_.empty()) {
      iovec go[] = {piece("HTTP/1.1 100 Continue\r\n\r\n")};
      co_await stream_.write_all(go);
    }
    if (head_.framing == BodyFraming::kLength) {
      auto left = static_cast<std::size_t>(head_.content_length);
      while (left > 0) {
        auto step = std::min<std::size_t>(left, 1U << 20U);
        auto got = co_await receive(body.room(step), step);
        if (!got) co_return got.error();
        body.added(*got);
        left -= *got;
      }
    } else {
      ChunkedDecoder decoder(false);
      auto buffer = worker_.buffers().borrow();
      for (bool done = false; !done;) {
        auto got = co_await receive(buffer.data(), kBufferSize);
        if (!got) co_return got.error();
        auto step = decoder.decode(buffer.data(), *got);
        if (step.error) co_return core::error(Errc::kInvalid, step.error);
        if (body.size() + step.payload > limit) co_return too_large;
        std::memcpy(body.room(step.payload), buffer.data(), step.payload);
        body.added(step.payload);
        if (step.consumed < *got) input_.insert(0, buffer.data() + step.consumed, *got - step.consumed);
        done = step.done;
      }
    }
    stream_.no_limit();
    body_done_ = true;
  }
  if (auto coding = head_.headers.find("content-encoding"); coding && *coding == "gzip") {
    GrowingBody plain(limit);
    auto packed_size = body.size();
    auto packed = body.take();
    auto unpacked = gunzip({packed.get(), packed_size}, limit, plain);
    if (!unpacked) co_return unpacked.error();
    body_size_ = plain.size();
    body_ = plain.take();
  } else {
    body_size_ = body.size();
    body_ = body.take();
  }
  co_return std::string_view(body_.get(), body_size_);
}

// Armed only for exchanges that last: most are over before the wheel comes round.
void Connection::watch_client() {
  if (watching_ || watch_after_.is_set()) return;
  watch_after_.set(worker_.wheel(), worker_.wheel().now() + kWatchAfter, [this] { arm_watch(); });
}

void Connection::arm_watch() {
  if (watching_ || !in_exchange_ || !on_gone_ || !input_.empty()) return;
  watching_ = true;
  stream_.socket().async_wait(tcp::socket::wait_read, [self = shared_from_this()](const boost::system::error_code& ec) {
    self->watching_ = false;
    if (ec || !self->in_exchange_) return;
    char byte;
    auto got = ::recv(self->stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got > 0) return;  // the next request came early: it waits, and the watch ends
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return self->arm_watch();
    self->client_left();
  });
}

void Connection::client_left() {
  if (client_gone_) return;
  client_gone_ = true;
  if (auto callback = std::exchange(on_gone_, nullptr)) callback();
}

Exchange::Exchange(Connection& connection)
    : connection_(connection), write_limit_(connection.server_.settings_.write_timeout) {}

const RequestHead& Exchange::head() const { return connection_.head_; }
const core::IpAddress& Exchange::peer() const { return connection_.peer_; }
Worker& Exchange::worker() const { return connection_.worker_; }
bool Exchange::client_gone() const { return connection_.client_gone_; }

bool Exchange::probe_client_gone() {
  auto& connection = connection_;
  if (!connection.client_gone_ && connection.input_.empty() && connection.stream_.ended())
    connection.client_gone_ = true;
  return connection.client_gone_;
}

void Exchange::hurry(std::chrono::milliseconds limit) {
  write_limit_ = limit;
  if (writing_) connection_.stream_.limit(std::chrono::steady_clock::now() + limit);
}

bool Exchange::peer_is_trusted() const {
  if (connection_.server_.settings_.trust_all) return true;
  for (const auto& block : connection_.server_.settings_.trusted_proxies)
    if (block.contains(connection_.peer_)) return true;
  return false;
}

const std::string& Exchange::client_ip() {
  if (client_ip_.empty()) {
    const auto& settings = connection_.server_.settings_;
    client_ip_ = resolve_client_ip(connection_.peer_, head().headers, settings.trusted_proxies, settings.trust_all);
  }
  return client_ip_;
}

awaitable<core::Result<std::string_view>> Exchange::read_body(std::size_t limit) {
  return connection_.read_body(limit);
}

void Exchange::release_body() {
  connection_.body_.reset();
  connection_.body_size_ = 0;
}

void Exchange::add_header(std::string_view name, std::string value) {
  extra_headers_.emplace_back(std::string(name), std::move(value));
}

void Exchange::on_client_gone(std::function<void()> callback) {
  connection_.on_gone_ = std::move(callback);
  if (connection_.on_gone_) connection_.watch_client();
}

void Exchange::build_head(std::string& out, int status, std::span<const Header> headers, std::string_view framing) {
  out.reserve(320);
  out += "HTTP/1.1 ";
  out += std::to_string(status);
  out += ' ';
  out += reason_phrase(status);
  out += "\r\n";
  auto field = [&](std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    // A value from outside must not begin a new line of the head.
    if (value.find_first_of("\r\n") == std::string_view::npos) out += value;
    out += "\r\n";
  };
  for (const auto& header : headers) field(header.name, header.value);
  for (const auto& [name, value] : extra_headers_) field(name, value);
  out += framing;
  if (connection_.server_.draining()) connection_.must_close_ = true;
  if (connection_.must_close_) {
    out += "Connection: close\r\n";
  } else if (head().minor_version == 0) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
}

awaitable<core::Result<void>> Exchange::send(std::span<iovec> pieces) {
  if (connection_.client_gone_) co_return core::error(Errc::kClosed, "the client closed the connection");
  // After a write that was given up half-way nothing that follows would be read as what it is.
  if (connection_.aborted_) co_return core::error(Errc::kClosed, "the answer was broken off");
  std::size_t total = 0;
  for (const auto& part : pieces) total += part.iov_len;
  connection_.stream_.limit(std::chrono::steady_clock::now() + write_limit_);
  writing_ = true;
  auto fault = co_await connection_.stream_.write_all(pieces);
  writing_ = false;
  connection_.stream_.no_limit();
  if (fault != StreamFault::kNone) {
    connection_.aborted_ = true;
    if (fault == StreamFault::kClosed) connection_.client_gone_ = true;
    co_return write_error(fault);
  }
  bytes_sent_ += total;
  last_write_ = connection_.worker_.wheel().now();
  co_return core::Result<void>();
}

awaitable<core::Result<void>> Exchange::answer(int status, std::span<const Header> headers, std::string_view body) {
  answered_ = true;
  if (!connection_.body_done_) connection_.must_close_ = true;
  std::string head_text;
  std::string framing;
  if (status != 204 && status != 304) framing = "Content-Length: " + std::to_string(body.size()) + "\r\n";
  build_head(head_text, status, headers, framing);
  if (head().method == "HEAD" || status == 204 || status == 304) body = {};
  iovec pieces[] = {piece(head_text), piece(body)};
  auto sent = co_await send(pieces);
  co_return sent;
}

void Exchange::start(int status, std::span<const Header> headers) {
  started_ = true;
  chunked_ = head().minor_version == 1;
  if (!chunked_) connection_.must_close_ = true;
  build_head(pending_head_, status, headers, chunked_ ? "Transfer-Encoding: chunked\r\n" : "");
}

awaitable<core::Result<void>> Exchange::send_part(std::span<const std::string_view> pieces, bool last) {
  constexpr std::size_t kMost = 60;
  for (bool first = true; first || !pieces.empty(); first = false) {
    auto now = pieces.first(std::min(pieces.size(), kMost));
    pieces = pieces.subspan(now.size());
    iovec parts[kMost + 4];
    std::size_t count = 0;
    std::size_t payload = 0;
    for (const auto& text : now) payload += text.size();
    char size_line[24];
    if (!pending_head_.empty()) parts[count++] = piece(pending_head_);
    if (payload > 0) {
      if (chunked_) {
        auto length = std::snprintf(size_line, sizeof size_line, "%zx\r\n", payload);
        parts[count++] = {size_line, static_cast<std::size_t>(length)};
      }
      for (const auto& text : now) parts[count++] = piece(text);
      if (chunked_) parts[count++] = piece("\r\n");
    }
    if (last && chunked_ && pieces.empty()) parts[count++] = piece("0\r\n\r\n");
    auto sent = co_await send({parts, count});
    pending_head_.clear();
    if (!sent) co_return sent;
  }
  co_return core::Result<void>();
}

awaitable<core::Result<void>> Exchange::write(std::span<const std::string_view> pieces) {
  return send_part(pieces, false);
}

awaitable<core::Result<void>> Exchange::finish(std::span<const std::string_view> last_pieces) {
  answered_ = true;
  return send_part(last_pieces, true);
}

void Exchange::abort() {
  answered_ = true;
  connection_.aborted_ = true;
}

}  // namespace tollgate::net
