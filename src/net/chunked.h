// Chunked bodies, decoded in place: payload bytes move to the front of the buffer they arrived in.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tollgate::net {

// Fed with the bytes of a chunked body as they arrive, in any pieces. Strict as RFC 9112 §7.1; trailers are dropped. In
// requests (allow_extension = false) also: no extension, trailers are whole fields, and no flood of tiny chunks.
class ChunkedDecoder {
 public:
  explicit ChunkedDecoder(bool allow_extension) : allow_extension_(allow_extension) {}

  struct Step {
    std::size_t payload = 0;   // bytes now at the front of the buffer
    std::size_t consumed = 0;  // bytes of the input that belong to the body
    bool done = false;
    const char* error = nullptr;
  };
  Step decode(char* data, std::size_t size);

 private:
  enum class State { kSize, kData, kDataEnd, kTrailer, kDone };
  State state_ = State::kSize;
  std::uint64_t left_ = 0;
  std::string line_;  // a size or trailer line that is not complete yet
  std::size_t trailer_bytes_ = 0;
  std::uint64_t chunks_ = 0;
  std::uint64_t announced_ = 0;  // bytes of all chunks so far
  bool allow_extension_;
};

}  // namespace tollgate::net
