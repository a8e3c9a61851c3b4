// Request bodies that come packed (RFC 9110 §8.4.1), unpacked as they arrive.
#pragma once
#include <cstddef>
#include <memory>
#include <string_view>

#include "net/http_head.h"

namespace tollgate::net {

// One packed stream, fed in any pieces: gzip (RFC 1952), deflate in its zlib wrapping (RFC 1950), br (RFC 7932), zstd
// (RFC 8878). Refused: a second stream or other bytes behind the first, windows above 8 MiB (br: 4 MiB), and more than
// 100 bytes out of one once the first MiB is out. Memory: the window and a few KiB. Throws std::bad_alloc.
class Decompressor {
 public:
  // `coding` is one of the four.
  explicit Decompressor(ContentCoding coding);
  ~Decompressor();
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
    const char* error = nullptr;
  };
  // Unpacks until `packed` is used up or the room is full; a full room may leave more to come for the same input.
  Step decode(std::string_view packed, char* out, std::size_t room);
  // The stream has come to its end; a body that ends before is cut.
  bool done() const { return done_; }

 private:
  struct Codec;
  struct Inflate;
  struct Brotli;
  struct Zstd;
  std::unique_ptr<Codec> codec_;
  std::size_t consumed_ = 0;
  std::size_t produced_ = 0;
  bool done_ = false;
};

}  // namespace tollgate::net
