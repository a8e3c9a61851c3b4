#include "net/http_client.h"

#include <boost/asio.hpp>

#include "net/chunked.h"
#include "net/proxy.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "net/suspend.h"
#include "net/tls.h"
#include "net/worker.h"

namespace tollgate::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using core::Errc;
using std::chrono::steady_clock;

const char* to_string(TimeLimit limit) {
  switch (limit) {
    case TimeLimit::kNone: return "";
    case TimeLimit::kConnect: return "connect";
    case TimeLimit::kFirstByte: return "first_byte";
    case TimeLimit::kGap: return "gap";
    case TimeLimit::kTotal: return "total";
  }
  return "";
}

namespace {

Failure failure(Errc code, std::string message, TimeLimit limit = TimeLimit::kNone) {
  return Failure{code, limit, std::move(message)};
}

Failure fault_failure(StreamFault fault, TimeLimit limit, const char* closed) {
  switch (fault) {
    case StreamFault::kTimeout: return failure(Errc::kTimeout, std::string("time limit: ") + to_string(limit), limit);
    case StreamFault::kCancelled: return failure(Errc::kCancelled, "cancelled");
    default: return failure(Errc::kClosed, closed);
  }
}

std::string pool_key(const UpstreamRequest& request) {
  std::string key;
  key.reserve(request.url->host.size() + 16);
  key += request.url->tls() ? (request.verify_tls ? 's' : 'i') : 'p';
  key += request.url->host;
  key += ':';
  key += std::to_string(request.url->port);
  if (request.proxy) {
    key += '|';
    key += request.proxy->scheme;
    key += request.proxy->user_info;
    key += '@';
    key += request.proxy->host;
    key += ':';
    key += std::to_string(request.proxy->port);
  }
  return key;
}

}  // namespace

struct UpstreamCall::Buffer {
  BufferPool::Lease lease;
  std::size_t begin = 0;  // undecoded bytes [begin, end)
  std::size_t end = 0;
  ChunkedDecoder chunks{true};
};

UpstreamCall::UpstreamCall() : buffer_(std::make_unique<Buffer>()) {}
UpstreamCall::~UpstreamCall() = default;

void UpstreamCall::release_view() {
  if (buffer_->begin == buffer_->end) buffer_->lease.release();
}

void UpstreamCall::cancel() {
  if (stream_) stream_->cancel();
}

std::unique_ptr<Stream> UpstreamCall::take_stream(std::string& early) {
  auto& buffer = *buffer_;
  early.assign(buffer.lease ? buffer.lease.data() + buffer.begin : "", buffer.end - buffer.begin);
  buffer.begin = buffer.end = 0;
  buffer.lease.release();
  ended_ = true;
  return std::move(stream_);
}

// The body is whole: the connection goes back to the pool, unless it cannot be used again.
void UpstreamCall::end() {
  ended_ = true;
  if (stream_ && !pool_key_.empty() && head_.keep_alive && whole_request_ && buffer_->begin == buffer_->end &&
      !stream_->cancelled()) {
    stream_->no_limit();
    owner_->keep(pool_key_, std::move(stream_));
  }
  stream_.reset();
}

// Takes payload from the bytes [begin, end) of the buffer.
CallResult<std::string_view> UpstreamCall::decode() {
  auto& buffer = *buffer_;
  char* data = buffer.lease.data() + buffer.begin;
  auto size = buffer.end - buffer.begin;
  switch (head_.framing) {
    case BodyFraming::kLength: {
      auto take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, size));
      left_ -= take;
      buffer.begin += take;
      if (left_ == 0) end();
      return std::string_view(data, take);
    }
    case BodyFraming::kChunked: {
      auto step = buffer.chunks.decode(data, size);
      if (step.error) return failure(Errc::kInvalid, step.error);
      buffer.begin += step.consumed;
      if (step.done) end();
      return std::string_view(data, step.payload);
    }
    default: buffer.begin = buffer.end; return std::string_view(data, size);
  }
}

awaitable<CallResult<std::string_view>> UpstreamCall::read() {
  auto& buffer = *buffer_;
  for (;;) {
    if (ended_) {
      buffer.lease.release();
      co_return std::string_view();
    }
    if (buffer.begin < buffer.end) {
      auto got = decode();
      if (!got || !got->empty()) co_return got;
      continue;
    }
    buffer.begin = buffer.end = 0;
    // TLS may hold decrypted bytes while the socket is silent, so it is read before it is waited for.
    ssize_t got = -1;
    bool waited = false;
    for (;;) {
      if (waited || stream_->tls()) {
        if (!buffer.lease) buffer.lease = stream_->worker().buffers().borrow();
        got = stream_->read_some(buffer.lease.data(), kBufferSize);
        if (got != -1) break;
      }
      buffer.lease.release();
      auto due = stream_->worker().wheel().now() + gap_;
      bool total_first = has_total_ && total_due_ < due;
      stream_->limit(total_first ? total_due_ : due);
      auto fault = co_await stream_->wait_readable();
      if (fault != StreamFault::kNone)
        co_return fault_failure(fault, total_first ? TimeLimit::kTotal : TimeLimit::kGap,
                                "the upstream closed the connection");
      waited = true;
    }
    if (got > 0) {
      buffer.end = static_cast<std::size_t>(got);
      continue;
    }
    buffer.lease.release();
    if (got == 0 && head_.framing == BodyFraming::kUntilClose) {
      end();
      co_return std::string_view();
    }
    co_return failure(Errc::kClosed, got == 0 ? "the upstream closed before the end of its answer"
                                              : "the upstream reset the connection");
  }
}

void UpstreamCall::finish_in_background(std::unique_ptr<UpstreamCall> call) {
  if (call->ended_ || !call->head_.keep_alive) return;
  auto& worker = call->stream_->worker();
  worker.spawn([](std::unique_ptr<UpstreamCall> rest) -> awaitable<void> {
    rest->set_gap(std::chrono::seconds(1));
    rest->has_total_ = true;
    rest->total_due_ = steady_clock::now() + std::chrono::seconds(1);
    std::size_t bytes = 0;
    while (bytes < 64 * 1024) {
      auto got = co_await rest->read();
      if (!got || got->empty()) co_return;
      bytes += got->size();
    }
  }(std::move(call)));
}

Upstreams::Upstreams(Worker& worker, const UpstreamSettings& settings)
    : worker_(worker), settings_(settings), tls_(std::make_unique<TlsContexts>()) {}
Upstreams::~Upstreams() = default;

void Upstreams::clear() {
  pool_.clear();
  idle_ = 0;
}

std::unique_ptr<Stream> Upstreams::take_idle(const std::string& key) {
  auto found = pool_.find(key);
  if (found == pool_.end()) return nullptr;
  auto& streams = found->second;
  while (!streams.empty()) {
    auto stream = std::move(streams.back());
    streams.pop_back();
    --idle_;
    if (!stream->peer_closed()) return stream;
  }
  return nullptr;
}

void Upstreams::keep(const std::string& key, std::unique_ptr<Stream> stream) {
  auto& streams = pool_[key];
  if (idle_ >= settings_.max_idle || streams.size() >= settings_.max_idle_per_host) return;
  stream->idle_since = worker_.wheel().now();
  streams.push_back(std::move(stream));
  ++idle_;
}

void Upstreams::drop_idle(steady_clock::time_point now) {
  for (auto entry = pool_.begin(); entry != pool_.end();) {
    auto& streams = entry->second;
    std::erase_if(streams, [&](const std::unique_ptr<Stream>& stream) {
      bool old = stream->idle_since + settings_.idle_life < now || stream->peer_closed();
      if (old) --idle_;
      return old;
    });
    entry = streams.empty() ? pool_.erase(entry) : std::next(entry);
  }
}

awaitable<CallResult<std::unique_ptr<Stream>>> Upstreams::connect(const UpstreamRequest& request,
                                                                  CallControl& control) {
  const Url& first_hop = request.proxy ? *request.proxy : *request.url;
  auto due = steady_clock::now() + request.timeouts.connect;
  bool cancelled = false;
  control.cancel = [&cancelled] { cancelled = true; };
  std::string host = first_hop.host;
  auto& resolver = worker_.resolver();
  using Resolved = core::Result<Resolver::Addresses>;
  std::shared_ptr<Resolved> shared;
  if (request.addresses && !request.proxy) {
    shared = std::make_shared<Resolved>(*request.addresses);
  } else {
    shared = co_await suspend<std::shared_ptr<Resolved>>([&resolver, host](auto done) {
      resolver.resolve(host, [done](Resolved result) { done(std::make_shared<Resolved>(std::move(result))); });
    });
  }
  if (cancelled) co_return failure(Errc::kCancelled, "cancelled");
  if (!*shared) co_return failure(shared->error().code, shared->error().message);
  if (steady_clock::now() >= due) co_return fault_failure(StreamFault::kTimeout, TimeLimit::kConnect, "");

  std::string last = "no address";
  for (const auto& text : **shared) {
    boost::system::error_code ec;
    tcp::endpoint endpoint(asio::ip::make_address(text, ec), first_hop.port);
    if (ec) continue;
    tcp::socket socket(worker_.io());
    socket.open(endpoint.protocol(), ec);
    if (ec) {
      last = ec.message();
      continue;
    }
    auto stream = std::make_unique<Stream>(worker_, std::move(socket));
    control.cancel = [raw = stream.get()] { raw->cancel(); };
    stream->limit(due);
    auto [connect_error] = co_await stream->socket().async_connect(endpoint, asio::as_tuple(asio::deferred));
    auto fault = stream->wait_result(bool(connect_error));
    if (fault == StreamFault::kClosed) {
      last = connect_error.message();
      control.cancel = nullptr;
      continue;
    }
    if (fault != StreamFault::kNone) co_return fault_failure(fault, TimeLimit::kConnect, "");
    if (request.proxy && request.proxy->tls()) {
      auto secure = co_await tls_->handshake(*stream, request.proxy->host, request.verify_tls);
      if (!secure)
        co_return failure(secure.error().code, "the proxy: " + secure.error().message,
                          secure.error().code == Errc::kTimeout ? TimeLimit::kConnect : TimeLimit::kNone);
    }
    if (request.proxy) {
      auto opened = co_await open_tunnel(*stream, *request.proxy, *request.url);
      if (!opened)
        co_return failure(opened.error().code, opened.error().message,
                          opened.error().code == Errc::kTimeout ? TimeLimit::kConnect : TimeLimit::kNone);
    }
    if (request.url->tls()) {
      auto secure = co_await tls_->handshake(*stream, request.url->host, request.verify_tls);
      if (!secure)
        co_return failure(secure.error().code, secure.error().message,
                          secure.error().code == Errc::kTimeout ? TimeLimit::kConnect : TimeLimit::kNone);
    }
    co_return std::move(stream);
  }
  co_return failure(Errc::kUnavailable, "cannot connect: " + last);
}

awaitable<CallResult<std::unique_ptr<UpstreamCall>>> Upstreams::exchange(const UpstreamRequest& request,
                                                                         std::unique_ptr<Stream> stream,
                                                                         bool& nothing_came, CallControl& control) {
  control.sent = false;
  auto begun = steady_clock::now();
  std::uint64_t length = request.source ? request.source->size() : 0;
  for (const auto& text : request.body) length += text.size();
  std::string head;
  head.reserve(512);
  head += request.method;
  head += ' ';
  head += request.url->target;
  head += " HTTP/1.1\r\nHost: ";
  head += request.host.empty() ? request.url->authority() : std::string(request.host);
  head += "\r\n";
  for (const auto& header : request.headers) {
    head += header.name;
    head += ": ";
    head += header.value;
    head += "\r\n";
  }
  if (length > 0 || request.method != "GET") {
    head += "Content-Length: ";
    head += std::to_string(length);
    head += "\r\n";
  }
  head += "\r\n";

  auto call = std::unique_ptr<UpstreamCall>(new UpstreamCall);
  call->owner_ = this;
  call->gap_ = request.timeouts.gap;
  if (request.timeouts.total.count() > 0) {
    call->has_total_ = true;
    call->total_due_ = begun + request.timeouts.total;
  }
  control.cancel = [raw = stream.get()] { raw->cancel(); };
  struct Limit {
    steady_clock::time_point due;
    TimeLimit kind;
  };
  auto total_or = [&](steady_clock::time_point due, TimeLimit kind) {
    bool total_first = call->has_total_ && call->total_due_ < due;
    return total_first ? Limit{call->total_due_, TimeLimit::kTotal} : Limit{due, kind};
  };

  std::vector<iovec> pieces;
  pieces.reserve(request.body.size() + 1);
  pieces.push_back({head.data(), head.size()});
  for (const auto& text : request.body) pieces.push_back({const_cast<char*>(text.data()), text.size()});
  if (request.source) request.source->rewind();
  while (!pieces.empty()) {
    auto limit = total_or(steady_clock::now() + request.timeouts.gap, TimeLimit::kGap);
    stream->limit(limit.due);
    auto fault = co_await stream->write_all(pieces);
    // One that wants no more of a long body may have said why before it closed.
    if (fault == StreamFault::kClosed && request.source && stream->peer_closed()) call->whole_request_ = false;
    if (fault != StreamFault::kNone && call->whole_request_) {
      nothing_came = fault == StreamFault::kClosed;
      co_return fault_failure(fault, limit.kind, "the upstream closed the connection while the request was sent");
    }
    pieces.clear();
    if (!request.source || !call->whole_request_) break;
    auto next = co_await request.source->next();
    if (!next) co_return failure(next.error().code, next.error().message);
    if (stream->cancelled()) co_return fault_failure(StreamFault::kCancelled, TimeLimit::kNone, "");
    if (!next->empty() && !stream->tls() && stream->peer_closed()) {  // answered before it has all
      call->whole_request_ = false;
      break;
    }
    for (const auto& text : *next) pieces.push_back({const_cast<char*>(text.data()), text.size()});
  }
  control.sent = call->whole_request_;

  auto limit = total_or(steady_clock::now() + request.timeouts.first_byte, TimeLimit::kFirstByte);
  stream->limit(limit.due);
  auto& buffer = *call->buffer_;
  std::string early;  // a head that came in several reads, or behind an interim answer
  constexpr int kMostInterim = 8;
  int interim = 0;
  for (;;) {
    const bool here = find_head_end(early) != 0;
    ssize_t got = here ? 1 : -1;
    if (!here && stream->tls()) {
      buffer.lease = worker_.buffers().borrow();
      got = stream->read_some(buffer.lease.data(), kBufferSize);
    }
    if (got == -1) {
      buffer.lease.release();
      auto wake = control.woken ? control.wake_at() : steady_clock::time_point::max();
      stream->limit(std::min(limit.due, wake));
      auto fault = co_await stream->wait_readable();
      if (fault == StreamFault::kTimeout && wake < limit.due) {
        co_await control.woken();
        continue;
      }
      if (fault != StreamFault::kNone) {
        nothing_came = fault == StreamFault::kClosed && early.empty();
        co_return fault_failure(fault, limit.kind, "the upstream closed the connection");
      }
      buffer.lease = worker_.buffers().borrow();
      got = stream->read_some(buffer.lease.data(), kBufferSize);
      if (got == -1) continue;
    }
    if (got == 0 || got == -2) {
      nothing_came = early.empty();
      co_return failure(Errc::kClosed, got == 0 ? "the upstream closed the connection without an answer"
                                                : "the upstream reset the connection");
    }
    std::string_view text(buffer.lease.data(), static_cast<std::size_t>(got));
    if (!early.empty()) {
      if (!here) early.append(text);
      text = early;
    }
    auto end = find_head_end(text);
    if (end == 0) {
      if (text.size() > kMaxResponseHead) co_return failure(Errc::kInvalid, "the upstream's head is too long");
      if (early.empty()) early.assign(text);
      continue;
    }
    call->head_text_.assign(text.substr(0, end));
    if (const char* wrong = parse_response_head(call->head_text_, request.method, call->head_))
      co_return failure(Errc::kInvalid, std::string("the upstream does not answer in HTTP/1.1: ") + wrong);
    auto rest = text.substr(end);
    const bool switched = call->head_.status == 101 && request.upgrade;
    if (call->head_.status < 200 && !switched) {  // 100 Continue and the like: the answer follows
      if (call->head_.status == 101) co_return failure(Errc::kInvalid, "the upstream switches protocols unasked");
      if (++interim > kMostInterim) co_return failure(Errc::kInvalid, "the upstream sends interim answers only");
      early.assign(std::string(rest));
      continue;
    }
    // What came behind the head is body; a head that was gathered from several reads leaves its tail in `rest`.
    if (early.empty()) {
      buffer.begin = end;
      buffer.end = text.size();
    } else {
      std::memmove(buffer.lease.data(), rest.data(), std::min(rest.size(), kBufferSize));
      buffer.begin = 0;
      buffer.end = rest.size();
    }
    break;
  }
  stream->no_limit();
  call->left_ = call->head_.content_length;
  if (!request.addresses) call->pool_key_ = pool_key(request);
  call->stream_ = std::move(stream);
  if (call->head_.framing == BodyFraming::kNone && call->head_.status != 101) call->end();
  co_return std::move(call);
}

awaitable<CallResult<std::unique_ptr<UpstreamCall>>> Upstreams::send(const UpstreamRequest& request,
                                                                     CallControl& control) {
  bool first = true;
  for (;;) {
    auto stream = first && !request.addresses ? take_idle(pool_key(request)) : nullptr;
    bool reused = stream != nullptr;
    if (!stream) {
      auto connected = co_await connect(request, control);
      if (!connected) {
        control.cancel = nullptr;
        co_return connected.error();
      }
      stream = std::move(*connected);
    }
    bool nothing_came = false;
    auto answered = co_await exchange(request, std::move(stream), nothing_came, control);
    control.cancel = nullptr;
    // A pooled connection may be closed by the upstream at the very moment it is used again.
    if (!answered && reused && nothing_came && first) {
      first = false;
      continue;
    }
    co_return std::move(answered);
  }
}

}  // namespace tollgate::net
