// What a handler does with its request: the answer's head, pieces and end.
#include "net/connection.h"
#include "net/websocket.h"
#include "net/websocket_handshake.h"

namespace tollgate::net {

using core::Errc;

namespace {

core::Error write_error(StreamFault fault) {
  switch (fault) {
    case StreamFault::kTimeout: return core::error(Errc::kTimeout, "the client takes nothing");
    case StreamFault::kCancelled: return core::error(Errc::kCancelled, "cancelled");
    default: return core::error(Errc::kClosed, "the client closed the connection");
  }
}

}  // namespace

std::string_view reason_phrase(int status) {
  switch (status) {
    case 101: return "Switching Protocols";
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
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "Status";
  }
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

bool Exchange::peer_is_trusted() const { return connection_.trusted_; }

const std::string& Exchange::client_ip() {
  if (client_ip_.empty()) {
    const auto& settings = connection_.server_.settings_;
    client_ip_ = resolve_client_ip(connection_.peer_, head().headers, settings.trusted_proxies, settings.trust_all);
  }
  return client_ip_;
}

awaitable<core::Result<std::string_view>> Exchange::read_body_piece(std::size_t limit) {
  return connection_.read_body_piece(limit);
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
  status_ = status;
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
  const auto& settings = connection_.server_.settings_;
  if (connection_.trusted_ || settings.name_to_all) out += settings.name_line;
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

awaitable<core::Result<std::unique_ptr<WebSocket>>> Exchange::upgrade(std::string_view protocol) {
  answered_ = true;
  std::string text = "HTTP/1.1 101 ";
  text += reason_phrase(101);
  text += "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  auto field = [&](std::string_view name, std::string_view value) {
    text += name;
    text += ": ";
    text += value;
    text += "\r\n";
  };
  field("Sec-WebSocket-Accept", websocket_accept(header("sec-websocket-key").value_or("")));
  if (!protocol.empty()) field("Sec-WebSocket-Protocol", protocol);
  for (const auto& [name, value] : extra_headers_) field(name, value);
  text += "\r\n";
  connection_.must_close_ = true;
  connection_.body_done_ = false;  // what the client still sends behind the last frame is read, for the frame to arrive
  iovec pieces[] = {piece(text)};
  auto sent = co_await send(pieces);
  if (!sent) co_return sent.error();
  co_return WebSocket::of_client(connection_.stream_, std::exchange(connection_.input_, {}));
}

bool Exchange::draining() const { return connection_.server_.draining(); }

void Exchange::abort() {
  answered_ = true;
  connection_.aborted_ = true;
}

void Exchange::break_off() {
  // Where the end of the connection is the end of the answer only a reset can tell.
  if (!chunked_) return abort();
  answered_ = true;
  connection_.must_close_ = true;
}

}  // namespace tollgate::net
