// What a Redis server says (RESP2), and commands in the form it takes.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

struct redisReader;

namespace tollgate::redis {

struct Reply {
  enum class Type { kNil, kInteger, kText, kStatus, kError, kArray };
  Type type = Type::kNil;
  std::int64_t integer = 0;
  std::string text;          // kText, kStatus, kError
  std::vector<Reply> items;  // kArray

  bool is_nil() const { return type == Type::kNil; }
  bool is_error() const { return type == Type::kError; }
  // The error's first word: "WRONGPASS", "MOVED".
  bool is_error(std::string_view word) const;
};

// Name and arguments, any bytes.
using Command = std::vector<std::string>;

void append_command(std::string& out, const Command& command);

// Takes the bytes of a connection apart. What a server sends is not trusted: a reply over 64 MiB, an array of more than
// a million items or nested deeper than seven, and anything RESP2 does not know end the connection (kInvalid).
class ReplyReader {
 public:
  ReplyReader();
  ~ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  void feed(std::string_view bytes);
  // The next whole reply, or nullopt until more bytes have come.
  core::Result<std::optional<Reply>> next();

 private:
  redisReader* reader_;
  std::size_t pending_ = 0;  // bytes fed since the last whole reply
};

}  // namespace tollgate::redis
