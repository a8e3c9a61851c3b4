#include "redis/reply.h"

#include <fmt/format.h>
#include <hiredis/read.h>

namespace tollgate::redis {
namespace {

constexpr std::size_t kMaxReply = 64U << 20U;
constexpr int kMaxItems = 1'000'000;

// The place of a value that the parser has found: an item of the array around it, or a new reply.
Reply* place(const redisReadTask* task) {
  if (!task->parent) return new Reply();
  return &static_cast<Reply*>(task->parent->obj)->items[static_cast<std::size_t>(task->idx)];
}

void* make_text(const redisReadTask* task, char* text, std::size_t size) {
  auto* reply = place(task);
  reply->type = task->type == REDIS_REPLY_STATUS  ? Reply::Type::kStatus
                : task->type == REDIS_REPLY_ERROR ? Reply::Type::kError
                                                  : Reply::Type::kText;
  reply->text.assign(text, size);
  return reply;
}

void* make_array(const redisReadTask* task, int items) {
  if (items < 0 || items > kMaxItems) return nullptr;
  auto* reply = place(task);
  reply->type = Reply::Type::kArray;
  reply->items.resize(static_cast<std::size_t>(items));
  return reply;
}

void* make_integer(const redisReadTask* task, long long value) {
  auto* reply = place(task);
  reply->type = Reply::Type::kInteger;
  reply->integer = value;
  return reply;
}

void* make_nil(const redisReadTask* task) { return place(task); }

void drop(void* reply) { delete static_cast<Reply*>(reply); }

redisReplyObjectFunctions kFunctions{make_text, make_array, make_integer, make_nil, drop};

}  // namespace

bool Reply::is_error(std::string_view word) const {
  return type == Type::kError && text.starts_with(word) && (text.size() == word.size() || text[word.size()] == ' ');
}

void append_command(std::string& out, const Command& command) {
  fmt::format_to(std::back_inserter(out), "*{}\r\n", command.size());
  for (const auto& argument : command) {
    fmt::format_to(std::back_inserter(out), "${}\r\n", argument.size());
    out.append(argument).append("\r\n");
  }
}

ReplyReader::ReplyReader() : reader_(redisReaderCreateWithFunctions(&kFunctions)) {
  if (!reader_) throw std::bad_alloc();
}

ReplyReader::~ReplyReader() { redisReaderFree(reader_); }

void ReplyReader::feed(std::string_view bytes) {
  pending_ += bytes.size();
  redisReaderFeed(reader_, bytes.data(), bytes.size());
}

core::Result<std::optional<Reply>> ReplyReader::next() {
  void* found = nullptr;
  if (redisReaderGetReply(reader_, &found) != REDIS_OK)
    return core::error(core::Errc::kInvalid, "the server does not speak the protocol of Redis");
  if (!found) {
    if (pending_ > kMaxReply) return core::error(core::Errc::kTooLarge, "a reply of the server is too long");
    return std::optional<Reply>();
  }
  pending_ = reader_->len - reader_->pos;
  std::unique_ptr<Reply> reply(static_cast<Reply*>(found));
  return std::optional<Reply>(std::move(*reply));
}

}  // namespace tollgate::redis
