// Texts with the spare bytes behind them that simdjson reads over. Private to this folder.
#pragma once
#include <simdjson.h>

#include <cstring>
#include <memory>
#include <string_view>

namespace tollgate::dialect {

// A copy of a small text with its padding, in a buffer of the thread. One at a time a thread.
class Padded {
 public:
  explicit Padded(std::string_view text) : size_(text.size()) {
    auto& buffer = storage();
    if (buffer.capacity < size_ + simdjson::SIMDJSON_PADDING) {
      buffer.capacity = (size_ + simdjson::SIMDJSON_PADDING) * 2;
      buffer.data.reset(new char[buffer.capacity]);
    }
    text.copy(buffer.data.get(), size_);
    std::memset(buffer.data.get() + size_, 0, simdjson::SIMDJSON_PADDING);
  }
  ~Padded() {
    // A huge event must not stay with the thread.
    if (storage().capacity > 4U << 20U) {
      storage().data.reset();
      storage().capacity = 0;
    }
  }
  // Bytes outside ASCII become '?', one by one.
  void to_ascii() {
    auto* data = storage().data.get();
    for (std::size_t i = 0; i < size_; ++i)
      if (static_cast<unsigned char>(data[i]) >= 0x80) data[i] = '?';
  }
  simdjson::padded_string_view view() const {
    return simdjson::padded_string_view(storage().data.get(), size_, size_ + simdjson::SIMDJSON_PADDING);
  }

 private:
  struct Storage {
    std::unique_ptr<char[]> data;
    std::size_t capacity = 0;
  };
  static Storage& storage() {
    thread_local Storage buffer;
    return buffer;
  }
  std::size_t size_;
};

}  // namespace tollgate::dialect
