// What the fuzz targets share.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

// A property that must hold for every input; a false one ends the program, which libFuzzer reports with the input.
#define FUZZ_CHECK(condition)                                                             \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)

namespace tollgate::fuzz {

inline std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Cuts one input into pieces whose sizes come from its first bytes, or from elsewhere.
class Splitter {
 public:
  Splitter(std::string_view sizes, std::string_view input) : sizes_(sizes), rest_(input) {}
  explicit Splitter(std::string_view input)
      : sizes_(input.substr(0, input.size() < 8 ? input.size() : 8)), rest_(input.substr(sizes_.size())) {}
  std::string_view whole() const { return rest_; }
  std::string_view next() {
    auto size = sizes_.empty() ? rest_.size() : 1U + static_cast<unsigned char>(sizes_[turn_++ % sizes_.size()]) % 40U;
    auto piece = rest_.substr(0, size);
    rest_.remove_prefix(piece.size());
    return piece;
  }
  bool done() const { return rest_.empty(); }

 private:
  std::string_view sizes_, rest_;
  std::size_t turn_ = 0;
};

}  // namespace tollgate::fuzz
