// A client's body as a JSON document, within the limits that keep a hostile one cheap. Private to this folder.
#pragma once
#include <simdjson.h>

#include <string>
#include <string_view>

namespace tollgate::dialect {

inline constexpr std::size_t kMostLevels = 128;
inline constexpr std::size_t kMostMembers = 1'000'000;
inline constexpr std::size_t kLongestName = 4096;
inline constexpr std::size_t kLongestNumber = 64;

// Parses in a buffer of the thread: one at a time a thread. Strings and names are decoded. Numbers beyond 64 bits
// are doubles here, beyond double the largest one, unpaired surrogates of values U+FFFD: the text itself passes on as
// it came.
class ClientJson {
 public:
  // At least 64 readable bytes follow the text, which outlives this object.
  explicit ClientJson(std::string_view body);
  ~ClientJson();
  ClientJson(const ClientJson&) = delete;
  ClientJson& operator=(const ClientJson&) = delete;

  // What is wrong, in words for the client; empty: object() is the body.
  const std::string& fault() const { return fault_; }
  simdjson::dom::object object() const { return object_; }

 private:
  std::string fault_;
  std::string copy_;  // of a body that the parser cannot take as it is
  simdjson::dom::object object_;
};

}  // namespace tollgate::dialect
