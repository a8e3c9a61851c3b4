// Random bytes and texts from the kernel's generator, and the fast generator for choices that need no secrecy.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace tollgate::core {

// Cryptographically strong. Never fails (aborts when the kernel cannot give randomness).
void random_bytes(void* out, std::size_t size);
std::string random_alphanumeric(std::size_t length);  // [0-9a-zA-Z], unbiased
std::string random_uuid();                            // version 4, lower case with dashes

// xoshiro256++ for weighted choices and jitter; one per thread, not for secrets.
class FastRandom {
 public:
  FastRandom();  // seeded from random_bytes
  explicit FastRandom(std::uint64_t seed);
  std::uint64_t next();
  std::uint64_t below(std::uint64_t bound);  // uniform in [0, bound); bound > 0

 private:
  std::uint64_t state_[4];
};

}  // namespace tollgate::core
