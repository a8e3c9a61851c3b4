// What the journal holds: final facts about finished requests. Nothing in a record is computed again at replay, so a
// later change of prices cannot alter it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/types.h"
#include "model/log_row.h"

namespace tollgate::billing {

enum class RecordKind : std::int64_t {
  kSettle = 1,      // the one charge of a request, with its log row
  kLog = 2,         // a log row without a charge (errors, refusals)
  kRefundable = 3,  // as kSettle, and what was charged is kept for a refund (billing/refunds)
};
constexpr bool is_charge(RecordKind kind) { return kind != RecordKind::kLog; }

// The end of one client request. `log` carries everything else that is written: names, counts, request id, created_at
// (unix seconds, also gives the dashboard's hour) and the JSON text `other`.
struct SettleRecord {
  core::UserId user;
  core::TokenId token;         // 0: none (playground)
  core::ChannelId channel;     // 0: none
  core::Quota charge;          // comes off user and token; negative only where a part gives back what another took
  bool token_limited = false;  // set by Billing::settle: the reservation held the key's account
  bool counts_use = false;     // non-zero tokens: used_quota of user and channel and request_count move
  bool part = false;           // one of several charges of a request, not the last: the request is not counted
  bool write_log = true;       // option LogConsumeEnabled at the time of the request
  bool export_data = false;    // option DataExportEnabled (and write_log): the dashboard's hour grows
  model::LogRow log;
};

struct LogRecord {
  model::LogRow log;
};

// A request that is still running, rewritten about once a second: what would be charged if the process died now. After
// a crash `settle` is journaled (log row marked "recovered":true) when the stream had begun, else nothing is charged.
struct InflightRecord {
  SettleRecord settle;  // settle.log.request_id is the key
  bool begun = false;   // the upstream had sent the first meaningful bytes
};

// One record as stored. kLog: only `settle.log` is meaningful.
struct Record {
  RecordKind kind = RecordKind::kSettle;
  SettleRecord settle;
};

// Own binary form: version byte, kind, then fields in fixed order; integers as zigzag varints, texts with a varint
// length before them. Decoding fails (kInvalid) for other versions, unknown kinds and damaged bytes: such a record is
// quarantined, never guessed at.
std::string encode(const Record& record);
core::Result<Record> decode(std::string_view bytes);
std::string encode_inflight(const InflightRecord& record);
core::Result<InflightRecord> decode_inflight(std::string_view bytes);

}  // namespace tollgate::billing
