// A message's body in one piece of memory that grows as its bytes arrive: a length that was only claimed costs nothing.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace tollgate::net {

struct FreeDeleter {
  void operator()(char* data) const { std::free(data); }
};
using BodyMemory = std::unique_ptr<char[], FreeDeleter>;

// Owned by one coroutine. Grows by doubling, never past `most` bytes and the spare; large pieces are moved by the
// kernel (mremap), so that growing does not hold the bytes twice.
class BodyBuffer {
 public:
  static constexpr std::size_t kSpare = 64;  // readable bytes behind the body, for the JSON reader

  explicit BodyBuffer(std::size_t most) : most_(most) {}

  // Room for `wanted` more bytes; the pointer holds until the next call.
  char* room(std::size_t wanted) {
    if (size_ + wanted + kSpare > capacity_) {
      auto grown = std::max(size_ + wanted, std::min(capacity_ * 2, most_)) + kSpare;
      auto* bigger = static_cast<char*>(std::realloc(data_.get(), grown));
      if (!bigger) throw std::bad_alloc();
      static_cast<void>(data_.release());
      data_.reset(bigger);
      capacity_ = grown;
    }
    return data_.get() + size_;
  }
  void added(std::size_t bytes) { size_ += bytes; }
  std::size_t size() const { return size_; }
  std::size_t most() const { return most_; }
  std::size_t capacity() const { return capacity_; }

  BodyMemory take() {
    std::memset(room(0), 0, kSpare);
    return std::move(data_);
  }

 private:
  std::size_t most_;
  BodyMemory data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace tollgate::net
