// What the relay asks of a stream, whatever its format: what passes, what was used, and whether it ended as a whole
// answer ends. Memory does not depend on the length of the stream.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "billing/usage.h"

namespace tollgate::dialect {

enum class StreamAction {
  kForward,   // send this event to the client
  kHoldBack,  // a usage chunk that the client did not ask for, or with figures that cannot be
  kLast,      // send this event at the very end: it says that the answer is whole, nothing behind it counts
  kDone,      // the end mark; nothing behind it counts
  kError,     // the upstream reports an error: the request has failed
};

class StreamReader {
 public:
  virtual ~StreamReader() = default;

  // `payload` is the data of one event, `name` that of its event: line.
  virtual StreamAction on_event(std::string_view payload, std::string_view name) = 0;

  virtual bool meaningful() const = 0;  // something of an answer was seen
  virtual bool has_output() const = 0;  // something that counts as output was seen
  virtual bool saw_done() const = 0;
  virtual bool ended_well() const = 0;  // the answer is whole
  virtual bool has_usage() const = 0;
  virtual const billing::Usage& usage() const = 0;
  virtual bool usage_refused() const = 0;  // a usage whose figures cannot be came
  // Our own count of everything received, by the weight table of the model.
  virtual std::int64_t counted_tokens(std::string_view model) const = 0;
  virtual const std::string& error() const = 0;  // the payload of the error event
  virtual bool content_filtered() const { return false; }

  // Whether events keep the names that the upstream gave them.
  virtual bool named_events() const { return false; }
  // What stands at the end of a whole stream.
  virtual std::string_view end_mark() const { return saw_done() ? std::string_view("data: [DONE]\n\n") : ""; }
  // The chunk with usage that a client gets who wants it when the upstream sent none; "": the format has none.
  virtual std::string usage_chunk(const billing::Usage&) const { return {}; }
};

}  // namespace tollgate::dialect
