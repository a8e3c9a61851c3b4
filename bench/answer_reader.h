#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tollgate::bench {

// Reads the HTTP/1.1 answers of one connection: where each ends, its status, and how many events it holds. Keeps no
// body. Framing by Content-Length or chunks; an answer that ends with the connection counts as broken.
class AnswerReader {
 public:
  // Takes all of `data`. Returns false when it is not an answer.
  bool take(std::string_view data);

  bool complete() const { return state_ == State::kDone; }
  int status() const { return status_; }
  bool keep_alive() const { return keep_alive_; }
  uint64_t events() const { return events_; }  // `data:` events of this answer so far, [DONE] included

  void reset();

 private:
  enum class State { kHead, kLength, kChunkSize, kChunkData, kChunkEnd, kTrailer, kDone };

  bool take_head(std::string_view& data);
  void take_body(std::string_view part);

  State state_ = State::kHead;
  std::string head_;
  std::string line_;
  size_t left_ = 0;
  int status_ = 0;
  bool keep_alive_ = true;
  bool after_newline_ = false;
  uint64_t events_ = 0;
};

}  // namespace tollgate::bench
