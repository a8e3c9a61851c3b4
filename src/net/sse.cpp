#include "net/sse.h"

#include <cstring>

namespace tollgate::net {
namespace {

// The first CR or LF, as fast as the library's memchr allows: lines rarely hold a CR.
std::size_t find_line_end(std::string_view text) {
  const auto* lf = static_cast<const char*>(std::memchr(text.data(), '\n', text.size()));
  auto limit = lf ? static_cast<std::size_t>(lf - text.data()) : text.size();
  const auto* cr = static_cast<const char*>(std::memchr(text.data(), '\r', limit));
  if (cr) return static_cast<std::size_t>(cr - text.data());
  return lf ? limit : std::string_view::npos;
}

}  // namespace

void SseReader::forget_event() {
  constexpr std::size_t kKept = 64 * 1024;
  delivered_ = false;
  data_state_ = Data::kNone;
  name_.clear();
  // By swap: assigning an empty string would keep the memory.
  if (data_.capacity() > kKept) std::string().swap(data_);
  if (line_.capacity() > kKept) std::string().swap(line_);
  if (carry_.empty() && carry_.capacity() > kKept) std::string().swap(carry_);
}

void SseReader::feed(std::string_view bytes) {
  keep_view();
  input_ = bytes;
  if (!bytes.empty()) saw_bytes_ = true;
}

// A data line seen in bytes that are about to go away becomes a copy.
void SseReader::keep_view() {
  if (delivered_) forget_event();
  if (data_state_ == Data::kView) {
    data_.assign(data_view_);
    data_state_ = Data::kOwned;
  }
}

bool SseReader::take_line(std::string_view& line) {
  if (swallow_lf_ && !input_.empty()) {
    swallow_lf_ = false;
    if (input_.front() == '\n') input_.remove_prefix(1);
  }
  if (input_.empty()) return false;
  auto end = find_line_end(input_);
  if (end == std::string_view::npos) {
    if (carry_.size() + input_.size() > max_) {
      too_long_ = true;
      return false;
    }
    carry_.append(input_);
    input_ = {};
    return false;
  }
  if (carry_.empty()) {
    line = input_.substr(0, end);
    line_is_stable_ = true;
  } else {
    carry_.append(input_.substr(0, end));
    line_.swap(carry_);
    carry_.clear();
    line = line_;
    line_is_stable_ = false;
  }
  swallow_lf_ = input_[end] == '\r';
  input_.remove_prefix(end + 1);
  if (swallow_lf_ && !input_.empty()) {
    swallow_lf_ = false;
    if (input_.front() == '\n') input_.remove_prefix(1);
  }
  if (at_start_) {
    at_start_ = false;
    if (line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  }
  return true;
}

void SseReader::add_data(std::string_view value, bool stable) {
  switch (data_state_) {
    case Data::kNone:
      if (stable) {
        data_view_ = value;
        data_state_ = Data::kView;
      } else {
        data_.assign(value);
        data_state_ = Data::kOwned;
      }
      return;
    case Data::kView: data_.assign(data_view_); [[fallthrough]];
    case Data::kOwned:
      data_.push_back('\n');
      data_.append(value);
      data_state_ = Data::kOwned;
  }
  if (data_.size() > max_) too_long_ = true;
}

bool SseReader::handle_line(std::string_view line, SseEvent& event) {
  if (line.empty()) {
    if (data_state_ == Data::kNone) {
      name_.clear();
      return false;
    }
    event.data = data_state_ == Data::kView ? data_view_ : std::string_view(data_);
    event.name = name_.empty() ? std::string_view("message") : std::string_view(name_);
    delivered_ = true;
    return true;
  }
  if (line.front() == ':') return false;
  auto colon = line.find(':');
  auto field = line.substr(0, colon);
  auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    add_data(value, line_is_stable_);
  } else if (field == "event") {
    name_.assign(value);
  }
  return false;
}

bool SseReader::next(SseEvent& event) {
  if (delivered_) forget_event();
  std::string_view line;
  while (!too_long_ && take_line(line))
    if (handle_line(line, event)) return true;
  keep_view();
  return false;
}

bool SseReader::finish(SseEvent& event) {
  if (delivered_) forget_event();
  if (!carry_.empty()) {
    line_.swap(carry_);
    carry_.clear();
    line_is_stable_ = false;
    std::string_view line = line_;
    if (at_start_ && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    if (handle_line(line, event)) return true;
  }
  return handle_line({}, event);
}

}  // namespace tollgate::net
