// Server-sent events (WHATWG HTML §9.2.6), read incrementally from bytes in any split.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace tollgate::net {

struct SseEvent {
  std::string_view name;  // of the event: line, "message" without one
  std::string_view data;  // data lines joined by LF
};

// Feed bytes, then take events until there are none. Views of an event live until the next call of any member; an event
// that lies whole in the bytes that were fed, with one data line, is not copied.
class SseReader {
 public:
  explicit SseReader(std::size_t max_event_bytes = 64U << 20U) : max_(max_event_bytes) {}

  void feed(std::string_view bytes);  // the bytes must live until next() returned false
  bool next(SseEvent& event);
  // At the end of the body: an event without its closing empty line, if it has data.
  bool finish(SseEvent& event);
  bool too_long() const { return too_long_; }  // nothing more comes after that
  bool saw_bytes() const { return saw_bytes_; }
  // Bytes of memory kept for what is half-read; a long event's are given back when it was taken.
  std::size_t capacity() const { return carry_.capacity() + line_.capacity() + data_.capacity() + name_.capacity(); }
  bool empty() const { return carry_.empty() && input_.empty() && data_state_ == Data::kNone; }  // nothing half-read

 private:
  enum class Data { kNone, kView, kOwned };
  bool take_line(std::string_view& line);
  bool handle_line(std::string_view line, SseEvent& event);  // true: an event is complete
  void add_data(std::string_view value, bool stable);
  void keep_view();
  void forget_event();

  std::size_t max_;
  std::string_view input_;
  std::string carry_;        // the start of a line that is not complete
  std::string line_;         // a completed carried line, while it is looked at
  bool swallow_lf_ = false;  // the last byte was a CR: an LF that follows belongs to it
  bool at_start_ = true;     // a BOM may stand here
  bool saw_bytes_ = false;
  bool too_long_ = false;
  bool line_is_stable_ = false;
  bool delivered_ = false;
  Data data_state_ = Data::kNone;
  std::string_view data_view_;
  std::string data_;
  std::string name_;
};

}  // namespace tollgate::net
