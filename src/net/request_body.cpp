// How a connection reads the body of a request: counted or chunked, plain or packed.
#include <boost/asio.hpp>
#include <optional>

#include "net/chunked.h"
#include "net/connection.h"

namespace tollgate::net {

namespace asio = boost::asio;
using core::Errc;

namespace {

constexpr std::size_t kReadStep = 1024 * 1024;    // of a counted body, straight into its memory
constexpr std::size_t kUnpackStep = 64 * 1024;    // room given to the unpacker at a time
constexpr std::size_t kUnpackTurn = 1024 * 1024;  // unpacked before other connections of the worker get their turn

core::Error too_large() { return core::error(Errc::kTooLarge, "request body too large"); }

}  // namespace

// What came together with the head or with an earlier message.
bool Connection::take_early(char* out, std::size_t size, std::size_t& taken) {
  if (input_.empty()) return false;
  taken = std::min(size, input_.size());
  std::memcpy(out, input_.data(), taken);
  input_.erase(0, taken);
  return true;
}

awaitable<core::Result<void>> Connection::wait_for_body() {
  stream_.limit(std::chrono::steady_clock::now() + server_.settings_.body_timeout);
  auto fault = co_await stream_.wait_readable();
  if (fault == StreamFault::kTimeout) co_return core::error(Errc::kTimeout, "the body takes too long");
  if (fault != StreamFault::kNone) co_return core::error(Errc::kClosed, "the client closed the connection");
  co_return core::Result<void>();
}

awaitable<core::Result<std::size_t>> Connection::receive(char* out, std::size_t size) {
  std::size_t early = 0;
  if (take_early(out, size, early)) co_return early;
  for (;;) {
    auto got = stream_.read_some(out, size);
    if (got > 0) co_return static_cast<std::size_t>(got);
    if (got == 0 || got == -2) co_return core::error(Errc::kClosed, "the client closed the connection inside the body");
    auto waited = co_await wait_for_body();
    if (!waited) co_return waited.error();
  }
}

// Into a borrowed buffer that is given back while nothing comes.
awaitable<core::Result<std::size_t>> Connection::receive(BufferPool::Lease& buffer, std::size_t most) {
  for (;;) {
    if (!buffer) buffer = worker_.buffers().borrow();
    std::size_t early = 0;
    if (take_early(buffer.data(), most, early)) co_return early;
    auto got = stream_.read_some(buffer.data(), most);
    if (got > 0) co_return static_cast<std::size_t>(got);
    if (got == 0 || got == -2) co_return core::error(Errc::kClosed, "the client closed the connection inside the body");
    buffer.release();
    auto waited = co_await wait_for_body();
    if (!waited) co_return waited.error();
  }
}

awaitable<core::Result<void>> Connection::append(BodyBuffer& body, Decompressor* unpack, std::string_view bytes) {
  if (!unpack) {
    if (body.size() + bytes.size() > body.most()) co_return too_large();
    std::memcpy(body.room(bytes.size()), bytes.data(), bytes.size());
    body.added(bytes.size());
    co_return core::Result<void>();
  }
  std::size_t turn = 0;
  for (bool more = true; more;) {
    // One byte past the limit is room enough to see that there is more.
    const auto room = std::min(kUnpackStep, body.most() + 1 - body.size());
    auto step = unpack->decode(bytes, body.room(room), room);
    if (step.error) co_return core::error(Errc::kInvalid, step.error);
    body.added(step.produced);
    bytes.remove_prefix(step.consumed);
    if (body.size() > body.most()) co_return too_large();
    more = !bytes.empty() || step.produced == room;
    turn += step.produced;
    if (more && turn >= kUnpackTurn) {
      turn = 0;
      co_await asio::post(asio::use_awaitable);
    }
  }
  co_return core::Result<void>();
}

awaitable<core::Result<void>> Connection::read_counted(BodyBuffer& body) {
  for (auto left = static_cast<std::size_t>(head_.content_length); left > 0;) {
    auto step = std::min(left, kReadStep);
    auto got = co_await receive(body.room(step), step);
    if (!got) co_return got.error();
    body.added(*got);
    left -= *got;
  }
  co_return core::Result<void>();
}

// The next bytes of the body as they are framed, chunk heads removed. Empty: nothing but framing came, or the end.
awaitable<core::Result<std::string_view>> Connection::next_payload(BufferPool::Lease& buffer, Payload& payload) {
  const bool chunked = head_.framing == BodyFraming::kChunked;
  auto most = chunked ? kBufferSize : static_cast<std::size_t>(std::min<std::uint64_t>(payload.left, kBufferSize));
  auto got = co_await receive(buffer, most);
  if (!got) co_return got.error();
  if (!chunked) {
    payload.left -= *got;
    payload.done = payload.left == 0;
    co_return std::string_view(buffer.data(), *got);
  }
  auto step = payload.chunks.decode(buffer.data(), *got);
  if (step.error) co_return core::error(Errc::kInvalid, step.error);
  if (step.consumed < *got) input_.insert(0, buffer.data() + step.consumed, *got - step.consumed);
  payload.done = step.done;
  co_return std::string_view(buffer.data(), step.payload);
}

// A body that passes through a buffer because it is chunked, packed or both.
awaitable<core::Result<void>> Connection::read_pieces(BodyBuffer& body, Decompressor* unpack) {
  BufferPool::Lease buffer;
  Payload payload(head_.content_length);
  while (!payload.done) {
    auto bytes = co_await next_payload(buffer, payload);
    if (!bytes) co_return bytes.error();
    if (bytes->empty()) continue;
    auto added = co_await append(body, unpack, *bytes);
    if (!added) co_return added.error();
  }
  co_return core::Result<void>();
}

awaitable<core::Result<void>> Connection::send_continue() {
  if (!head_.expects_continue || !input_.empty()) co_return core::Result<void>();
  iovec go[] = {piece("HTTP/1.1 100 Continue\r\n\r\n")};
  stream_.limit(std::chrono::steady_clock::now() + server_.settings_.write_timeout);
  auto fault = co_await stream_.write_all(go);
  if (fault != StreamFault::kNone) co_return core::error(Errc::kClosed, "the client closed the connection");
  co_return core::Result<void>();
}

// What is wrong with a body before any of it was read.
std::optional<core::Error> Connection::body_refused(std::size_t limit) const {
  if (head_.coding == ContentCoding::kOther)
    return core::error(Errc::kUnsupported, "Content-Encoding must be one of gzip, deflate, br, zstd");
  if (head_.framing != BodyFraming::kChunked && head_.content_length > limit) return too_large();
  return std::nullopt;
}

awaitable<core::Result<std::string_view>> Connection::read_body(std::size_t limit) {
  if (body_) co_return std::string_view(body_.get(), body_size_);
  if (auto refused = body_refused(limit)) co_return *refused;
  const bool counted = head_.framing != BodyFraming::kChunked;

  std::optional<Decompressor> unpack;
  if (head_.coding != ContentCoding::kNone) unpack.emplace(head_.coding);
  // A counted body never takes more memory than it announced.
  BodyBuffer body(counted && !unpack ? static_cast<std::size_t>(head_.content_length) : limit);
  if (!body_done_) {
    auto sent = co_await send_continue();
    if (!sent) co_return sent.error();
    auto read = co_await (counted && !unpack ? read_counted(body) : read_pieces(body, unpack ? &*unpack : nullptr));
    if (!read) co_return read.error();
    stream_.no_limit();
    body_done_ = true;
  }
  if (unpack && !unpack->done()) co_return core::error(Errc::kInvalid, "the packed body is cut");
  body_size_ = body.size();
  body_ = body.take();
  co_return std::string_view(body_.get(), body_size_);
}

awaitable<core::Result<std::string_view>> Connection::read_body_piece(std::size_t limit) {
  if (!pieces_) {
    if (auto refused = body_refused(limit)) co_return *refused;
    pieces_ = std::make_unique<BodyPieces>(head_);
    pieces_->payload.done = body_done_ || (head_.framing != BodyFraming::kChunked && head_.content_length == 0);
    if (!body_done_) {
      auto sent = co_await send_continue();
      if (!sent) co_return sent.error();
    }
  }
  auto& state = *pieces_;
  if (state.turn >= kUnpackTurn) {
    state.turn = 0;
    co_await asio::post(asio::use_awaitable);
  }
  for (;;) {
    std::string_view piece;
    if (!state.packed.empty() || state.full) {
      if (!state.unpacked) state.unpacked = worker_.buffers().borrow();
      auto step = state.unpack->decode(state.packed, state.unpacked.data(), kBufferSize);
      if (step.error) co_return core::error(Errc::kInvalid, step.error);
      state.packed.remove_prefix(step.consumed);
      state.full = step.produced == kBufferSize;
      piece = {state.unpacked.data(), step.produced};
    } else if (state.payload.done) {
      stream_.no_limit();
      body_done_ = true;
      state.received.release();
      state.unpacked.release();
      if (state.unpack && !state.unpack->done()) co_return core::error(Errc::kInvalid, "the packed body is cut");
      co_return std::string_view();
    } else {
      auto bytes = co_await next_payload(state.received, state.payload);
      if (!bytes) co_return bytes.error();
      (state.unpack ? state.packed : piece) = *bytes;
    }
    if (piece.empty()) continue;
    state.size += piece.size();
    state.turn += piece.size();
    if (state.size > limit) co_return too_large();
    co_return piece;
  }
}

// Some clients send "{}" with a GET. It is read and forgotten, so that the connection can go on.
awaitable<void> Connection::drop_body_without_meaning() {
  const bool meaningless = head_.method == "GET" || head_.method == "HEAD" || head_.method == "OPTIONS";
  if (!meaningless || head_.expects_continue) co_return;
  BufferPool::Lease buffer;
  for (auto left = static_cast<std::size_t>(head_.content_length); left > 0;) {
    auto got = co_await receive(buffer, std::min(left, kBufferSize));
    if (!got) co_return;
    left -= *got;
  }
  stream_.no_limit();
  body_done_ = true;
}

}  // namespace tollgate::net
