// Calls to upstreams: pooled connections, TLS, proxies, a limit on every wait, bodies read as they come.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.h"
#include "net/awaitable.h"
#include "net/http_head.h"
#include "net/url.h"

namespace tollgate::net {

class Worker;
class Stream;
class TlsContexts;

// Which of a call's limits ended it; goes into the log row.
enum class TimeLimit { kNone, kConnect, kFirstByte, kGap, kTotal };
const char* to_string(TimeLimit limit);

struct Timeouts {
  std::chrono::milliseconds connect{10'000};
  std::chrono::milliseconds first_byte{30 * 60'000};
  std::chrono::milliseconds gap{300'000};
  std::chrono::milliseconds total{0};  // 0: none
};

// Why a call failed. The text names what went wrong, never an address or a secret.
struct Failure {
  core::Errc code = core::Errc::kInternal;
  TimeLimit limit = TimeLimit::kNone;
  std::string message;
};
[[noreturn]] inline void throw_exception_from_error(const Failure& failure, const boost::source_location&) {
  throw std::runtime_error(failure.message);
}
template <class T>
using CallResult = boost::system::result<T, Failure>;

// A body that does not lie in memory as a whole. Owned by one coroutine.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual std::uint64_t size() const = 0;
  virtual void rewind() = 0;  // before each time it is sent
  // The next pieces in their order, none at the end; the views live until the next call. An error ends the call with
  // it.
  virtual awaitable<core::Result<std::span<const std::string_view>>> next() = 0;
};

struct UpstreamRequest {
  std::string_view method = "POST";
  const Url* url = nullptr;
  std::string_view host;                   // of the Host header; empty: the address says it
  std::span<const Header> headers;         // without Host, Content-Length and Connection
  std::span<const std::string_view> body;  // sent as one body, gathered
  BodySource* source = nullptr;            // the body instead, as it is read
  // Set: these are connected to, in this order, without asking for the name; on a connection of its own.
  const std::vector<std::string>* addresses = nullptr;
  const Url* proxy = nullptr;  // http, https, socks5, socks5h
  Timeouts timeouts;
  bool verify_tls = true;
  bool upgrade = false;  // asks for another protocol: 101 is an answer, whose stream take_stream() gives
};

struct UpstreamSettings {
  std::size_t max_idle = 500;
  std::size_t max_idle_per_host = 100;
  std::chrono::seconds idle_life{90};
};

// What the owner of a call knows of it, and can do, while Upstreams::send() runs. On the worker only.
struct CallControl {
  std::function<void()> cancel;  // ends send() at whatever it waits for; empty while it does not run
  bool sent = false;             // the upstream has the whole request
  // While the head of the answer is waited for, `woken` runs whenever `wake_at` has passed. Both or none.
  std::function<std::chrono::steady_clock::time_point()> wake_at;
  std::function<awaitable<void>()> woken;
};

// An answer whose head is there. Used on its worker only. Destroying it before the body's end closes the connection.
class UpstreamCall {
 public:
  ~UpstreamCall();
  int status() const { return head_.status; }
  std::optional<std::string_view> header(std::string_view name) const { return head_.headers.find(name); }

  std::span<const Header> headers() const { return head_.headers.all(); }

  // The next bytes of the body, chunking removed; an empty view is its proper end. The view lives until the next call.
  // Errors: kClosed (reset, or ended before its length), kTimeout with the limit, kCancelled, kInvalid (bad chunking).
  awaitable<CallResult<std::string_view>> read();
  // The last view is done with: the buffer behind it goes back while something else is waited for.
  void release_view();
  // Ends a present or later read with kCancelled.
  void cancel();
  // From now on the silence between bytes may be this long.
  void set_gap(std::chrono::milliseconds gap) { gap_ = gap; }
  bool ended() const { return ended_; }
  const HeaderList& header_list() const { return head_.headers; }
  // Behind a 101: the connection, and in `early` what came behind the head.
  std::unique_ptr<Stream> take_stream(std::string& early);

  // Reads what is left of a body that is over in all but framing, so that the connection can be used again: 64 KiB and
  // 1 s at most, in the background.
  static void finish_in_background(std::unique_ptr<UpstreamCall> call);

 private:
  friend class Upstreams;
  struct Buffer;
  UpstreamCall();
  CallResult<std::string_view> decode();
  void end();

  std::unique_ptr<Stream> stream_;
  class Upstreams* owner_ = nullptr;
  std::string pool_key_;
  std::string head_text_;
  ResponseHead head_;
  std::unique_ptr<Buffer> buffer_;
  std::chrono::milliseconds gap_{};
  std::chrono::steady_clock::time_point total_due_{};
  bool has_total_ = false;
  bool ended_ = false;
  bool whole_request_ = true;  // else the connection cannot be used again
  std::uint64_t left_ = 0;
};

// The upstream connections of one worker.
class Upstreams {
 public:
  Upstreams(Worker& worker, const UpstreamSettings& settings);
  ~Upstreams();

  // Sends and waits for the answer's head. Repeated once on a new connection when a pooled one turns out to be closed
  // before anything of an answer came.
  awaitable<CallResult<std::unique_ptr<UpstreamCall>>> send(const UpstreamRequest& request, CallControl& control);

  void drop_idle(std::chrono::steady_clock::time_point now);
  void clear();
  std::size_t idle() const { return idle_; }

 private:
  friend class UpstreamCall;
  awaitable<CallResult<std::unique_ptr<Stream>>> connect(const UpstreamRequest& request, CallControl& control);
  awaitable<CallResult<std::unique_ptr<UpstreamCall>>> exchange(const UpstreamRequest& request,
                                                                std::unique_ptr<Stream> stream, bool& nothing_came,
                                                                CallControl& control);
  std::unique_ptr<Stream> take_idle(const std::string& key);
  void keep(const std::string& key, std::unique_ptr<Stream> stream);

  Worker& worker_;
  UpstreamSettings settings_;
  std::unique_ptr<TlsContexts> tls_;
  std::unordered_map<std::string, std::vector<std::unique_ptr<Stream>>> pool_;
  std::size_t idle_ = 0;
};

}  // namespace tollgate::net
