#include "billing/record.h"

#include <utility>

namespace tollgate::billing {
namespace {

constexpr char kVersion = 1;
constexpr std::int64_t kInflightKind = 100;  // never in the table `records`

class Writer {
 public:
  void integer(std::int64_t value) {
    auto zigzag = (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63);
    while (zigzag >= 0x80) {
      out.push_back(static_cast<char>(zigzag | 0x80U));
      zigzag >>= 7U;
    }
    out.push_back(static_cast<char>(zigzag));
  }
  void text(std::string_view value) {
    integer(static_cast<std::int64_t>(value.size()));
    out.append(value);
  }
  std::string out = std::string(1, kVersion);
};

// After the first fault everything reads as zero and empty.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::int64_t integer() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) return fail();
      auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if (byte < 0x80) return static_cast<std::int64_t>((value >> 1U) ^ (~(value & 1U) + 1));
    }
    return fail();
  }
  std::string text() {
    auto size = integer();
    if (size < 0 || static_cast<std::size_t>(size) > rest_.size()) {
      fail();
      return {};
    }
    std::string value(rest_.substr(0, static_cast<std::size_t>(size)));
    rest_.remove_prefix(static_cast<std::size_t>(size));
    return value;
  }
  bool complete() const { return !failed_ && rest_.empty(); }

 private:
  std::int64_t fail() {
    failed_ = true;
    rest_ = {};
    return 0;
  }
  std::string_view rest_;
  bool failed_ = false;
};

enum Flag : std::int64_t {
  kTokenLimited = 1,
  kCountsUse = 2,
  kWriteLog = 4,
  kExportData = 8,
  kStream = 16,
  kBegun = 32,
  kPart = 64,
};

void write_settle(Writer& w, const SettleRecord& r, std::int64_t more_flags) {
  w.integer((r.token_limited ? kTokenLimited : 0) | (r.counts_use ? kCountsUse : 0) | (r.write_log ? kWriteLog : 0) |
            (r.export_data ? kExportData : 0) | (r.log.is_stream ? kStream : 0) | (r.part ? kPart : 0) | more_flags);
  w.integer(r.user.value);
  w.integer(r.token.value);
  w.integer(r.channel.value);
  w.integer(r.charge.units);
  const auto& log = r.log;
  w.integer(log.user_id.value);
  w.integer(log.created_at);
  w.integer(log.type);
  w.text(log.content);
  w.text(log.username);
  w.text(log.token_name);
  w.text(log.model_name);
  w.integer(log.quota.units);
  w.integer(log.prompt_tokens);
  w.integer(log.completion_tokens);
  w.integer(log.use_time);
  w.integer(log.channel_id.value);
  w.integer(log.token_id.value);
  w.text(log.group);
  w.text(log.ip);
  w.text(log.request_id);
  w.text(log.other);
}

std::int64_t read_settle(Reader& in, SettleRecord& r) {
  auto flags = in.integer();
  r.token_limited = (flags & kTokenLimited) != 0;
  r.counts_use = (flags & kCountsUse) != 0;
  r.write_log = (flags & kWriteLog) != 0;
  r.export_data = (flags & kExportData) != 0;
  r.part = (flags & kPart) != 0;
  r.user.value = in.integer();
  r.token.value = in.integer();
  r.channel.value = in.integer();
  r.charge.units = in.integer();
  auto& log = r.log;
  log.is_stream = (flags & kStream) != 0;
  log.user_id.value = in.integer();
  log.created_at = in.integer();
  log.type = in.integer();
  log.content = in.text();
  log.username = in.text();
  log.token_name = in.text();
  log.model_name = in.text();
  log.quota.units = in.integer();
  log.prompt_tokens = in.integer();
  log.completion_tokens = in.integer();
  log.use_time = in.integer();
  log.channel_id.value = in.integer();
  log.token_id.value = in.integer();
  log.group = in.text();
  log.ip = in.text();
  log.request_id = in.text();
  log.other = in.text();
  return flags;
}

core::Error damaged() { return core::error(core::Errc::kInvalid, "journal record is damaged or of an unknown kind"); }

}  // namespace

std::string encode(const Record& record) {
  Writer w;
  w.integer(static_cast<std::int64_t>(record.kind));
  write_settle(w, record.settle, 0);
  return std::move(w.out);
}

core::Result<Record> decode(std::string_view bytes) {
  if (bytes.empty() || bytes.front() != kVersion)
    return core::error(core::Errc::kInvalid, "journal record of an unknown version");
  Reader in(bytes.substr(1));
  Record record;
  auto kind = in.integer();
  if (kind < static_cast<std::int64_t>(RecordKind::kSettle) ||
      kind > static_cast<std::int64_t>(RecordKind::kRefundable))
    return damaged();
  record.kind = static_cast<RecordKind>(kind);
  read_settle(in, record.settle);
  if (!in.complete()) return damaged();
  return record;
}

std::string encode_inflight(const InflightRecord& record) {
  Writer w;
  w.integer(kInflightKind);
  write_settle(w, record.settle, record.begun ? kBegun : 0);
  return std::move(w.out);
}

core::Result<InflightRecord> decode_inflight(std::string_view bytes) {
  if (bytes.empty() || bytes.front() != kVersion)
    return core::error(core::Errc::kInvalid, "in-flight record of an unknown version");
  Reader in(bytes.substr(1));
  if (in.integer() != kInflightKind) return damaged();
  InflightRecord record;
  record.begun = (read_settle(in, record.settle) & kBegun) != 0;
  if (!in.complete()) return damaged();
  return record;
}

}  // namespace tollgate::billing
