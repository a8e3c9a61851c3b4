// Members of a request that decide what it costs or where it goes. Decoders differ in which of several spellings they
// take: the first, the last, without regard to case. What the gateway bills must be what the upstream reads, whatever
// its decoder, so a body that leaves room for two readings is refused or written anew.
#pragma once
#include <simdjson.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace tollgate::dialect {

// Changes of top-level members by their position in the body.
struct Respelling {
  struct Rename {
    std::size_t member;
    std::string_view name;
  };
  std::vector<Rename> renames;       // another case of a governed name that stands there alone
  std::vector<std::size_t> removed;  // another case beside the name itself
  bool empty() const { return renames.empty() && removed.empty(); }
};

// What a client is told of a governed name that stands there twice: kInvalid.
core::Error duplicate_member(std::string_view name);

// The names of one body's members or of one form's parts, in their order.
class GovernedNames {
 public:
  // False: a governed name stands there for the second time.
  bool add(std::string_view name);
  // kInvalid as check_governed().
  core::Result<Respelling> changes() const;

 private:
  static constexpr std::size_t kCount = 31;
  std::array<bool, kCount> exact_{};
  std::vector<std::pair<std::size_t, std::size_t>> variants_;  // which name, which member
  std::size_t position_ = 0;
};

// kInvalid with a text for the client when a governed member stands there twice: spelled alike, with escapes, or twice
// in another case.
core::Result<Respelling> check_governed(const simdjson::dom::object& body);

// The body with the changes made; every other byte stays.
std::string respell(std::string_view body, const Respelling& changes);

}  // namespace tollgate::dialect
