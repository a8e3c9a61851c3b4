// The client of one attempt while the upstream is at work: noticed when it hangs up, kept alive while nothing comes,
// let go when the gateway stops.
#pragma once
#include <chrono>
#include <cstddef>
#include <functional>

#include "core/clock.h"
#include "net/awaitable.h"
#include "net/deadline.h"
#include "relay/request.h"

namespace tollgate::relay {

// Lives as long as the attempt, on its worker.
class ClientSide {
 public:
  explicit ClientSide(Request& request);
  ~ClientSide();
  ClientSide(const ClientSide&) = delete;
  ClientSide& operator=(const ClientSide&) = delete;

  // Ends what the attempt waits for; empty when it waits for nothing of the upstream.
  std::function<void()> cancel;
  // Asked when the client leaves: how long the upstream is read on to learn what it bills. 0: it is cancelled.
  std::function<std::chrono::milliseconds()> reads_on;

  bool gone() const { return gone_; }
  void left();  // it hung up, or takes nothing any more
  // Bytes that came from the upstream after the client had left. False: that is as much as is read on.
  bool read_on(std::size_t bytes);
  // Gives the memory of a client that left back, once no further attempt can need it.
  net::awaitable<void> forget();

  // At the end of the gateway's drain: the upstream is cancelled, a client that does not take the rest is dropped.
  void stop();
  bool stopped() const { return stopped_; }

  // The head of a streamed answer, once a request: whatever the attempts, the client sees one.
  void begin_stream();
  // When the client has waited long enough for a sign of life; time_point::max() when it never has.
  core::SteadyTime ping_due() const;
  // When it is due: a comment of a stream, or a blank before the JSON of a plain answer, whose head goes out with it.
  net::awaitable<void> ping();

 private:
  friend class Relay;
  // How long a client that waits for JSON waits for its first blank; 0: for ever.
  std::chrono::milliseconds patience_for_json() const;
  Request& request_;
  net::Deadline bound_;
  std::size_t bytes_after_ = 0;
  bool gone_;
  bool stopped_ = false;
  ClientSide* previous_ = nullptr;  // list of the worker's attempts
  ClientSide* next_ = nullptr;
};

}  // namespace tollgate::relay
