#include "core/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace tollgate::core {
namespace {

constexpr char kAlphanumeric[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

__extension__ using Uint128 = unsigned __int128;

std::uint64_t rotl(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

std::uint64_t splitmix(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

}  // namespace

void random_bytes(void* out, std::size_t size) {
  auto* bytes = static_cast<unsigned char*>(out);
  while (size > 0) {
    ssize_t got = getrandom(bytes, size, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      std::abort();
    }
    bytes += got;
    size -= static_cast<std::size_t>(got);
  }
}

std::string random_alphanumeric(std::size_t length) {
  std::string text;
  text.reserve(length);
  unsigned char pool[64];
  while (text.size() < length) {
    random_bytes(pool, sizeof pool);
    for (unsigned char byte : pool) {
      if (text.size() == length) break;
      if (byte < 248) text.push_back(kAlphanumeric[byte % 62]);  // 248 = 4 × 62: no bias
    }
  }
  return text;
}

std::string random_uuid() {
  unsigned char b[16];
  random_bytes(b, sizeof b);
  b[6] = static_cast<unsigned char>((b[6] & 0x0F) | 0x40);
  b[8] = static_cast<unsigned char>((b[8] & 0x3F) | 0x80);
  constexpr char hex[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    text.push_back(hex[b[i] >> 4]);
    text.push_back(hex[b[i] & 15]);
  }
  return text;
}

FastRandom::FastRandom() { random_bytes(state_, sizeof state_); }

FastRandom::FastRandom(std::uint64_t seed) {
  for (auto& word : state_) word = splitmix(seed);
}

std::uint64_t FastRandom::next() {
  std::uint64_t result = rotl(state_[0] + state_[3], 23) + state_[0];
  std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = rotl(state_[3], 45);
  return result;
}

std::uint64_t FastRandom::below(std::uint64_t bound) {
  // Lemire's multiply-shift; the bias below 2^-32 for the bounds met here does not matter.
  return static_cast<std::uint64_t>((static_cast<Uint128>(next()) * bound) >> 64);
}

}  // namespace tollgate::core
