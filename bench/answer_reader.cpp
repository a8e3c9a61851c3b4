#include "answer_reader.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace tollgate::bench {

void AnswerReader::reset() { *this = AnswerReader(); }

bool AnswerReader::take(std::string_view data) {
  while (!data.empty()) {
    switch (state_) {
      case State::kHead:
        if (!take_head(data)) return false;
        break;
      case State::kLength:
      case State::kChunkData: {
        const size_t n = std::min(left_, data.size());
        take_body(data.substr(0, n));
        data.remove_prefix(n);
        left_ -= n;
        if (left_ == 0) state_ = state_ == State::kLength ? State::kDone : State::kChunkEnd;
        break;
      }
      case State::kChunkEnd:
      case State::kChunkSize:
      case State::kTrailer: {
        const size_t end = data.find('\n');
        line_.append(data.substr(0, end));
        data.remove_prefix(end == data.npos ? data.size() : end + 1);
        if (end == data.npos) break;
        if (!line_.empty() && line_.back() == '\r') line_.pop_back();
        if (state_ == State::kChunkEnd) {
          if (!line_.empty()) return false;
          state_ = State::kChunkSize;
        } else if (state_ == State::kTrailer) {
          if (line_.empty()) state_ = State::kDone;
        } else {
          auto [at, error] = std::from_chars(line_.data(), line_.data() + line_.size(), left_, 16);
          if (error != std::errc()) return false;
          state_ = left_ == 0 ? State::kTrailer : State::kChunkData;
        }
        line_.clear();
        break;
      }
      case State::kDone: return false;  // bytes nobody asked for
    }
  }
  return true;
}

bool AnswerReader::take_head(std::string_view& data) {
  const size_t before = head_.size();
  head_.append(data);
  const size_t end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
  if (end == head_.npos) {
    data = {};
    return head_.size() < 65536;
  }
  data.remove_prefix(end + 4 - before);
  std::string_view head(head_.data(), end + 2);
  if (!head.starts_with("HTTP/1.1 ") || head.size() < 12) return false;
  std::from_chars(head.data() + 9, head.data() + 12, status_);
  bool chunked = false;
  for (size_t at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    const size_t colon = line.find(':');
    if (colon == line.npos) continue;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    auto named = [&](const char* name) {
      return std::strlen(name) == colon && strncasecmp(line.data(), name, colon) == 0;
    };
    if (named("content-length")) std::from_chars(value.data(), value.data() + value.size(), left_);
    if (named("transfer-encoding")) chunked = true;
    if (named("connection")) keep_alive_ = value != "close";
  }
  state_ = chunked ? State::kChunkSize : left_ > 0 ? State::kLength : State::kDone;
  return true;
}

// An event ends with an empty line.
void AnswerReader::take_body(std::string_view part) {
  if (part.empty()) return;
  if (after_newline_ && part.front() == '\n') ++events_;
  for (size_t at = 0; (at = part.find("\n\n", at)) != part.npos; at += 2) ++events_;
  after_newline_ = part.back() == '\n' && !part.ends_with("\n\n");
}

}  // namespace tollgate::bench
