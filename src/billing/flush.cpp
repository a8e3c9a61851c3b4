#include "billing/flush.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "billing/balances.h"
#include "core/byte_text.h"
#include "core/fault_point.h"
#include "core/log.h"
#include "model/log_row.h"
#include "model/quota_data.h"
#include "sql/transaction.h"

namespace tollgate::billing {
namespace {
constexpr std::size_t kBatch = 2000;
}

sql::Result<Mark> lock_mark(sql::Connection& db, std::string_view node, std::string_view consumer,
                            std::int64_t now_ms) {
  auto rows = db.query(db.dialect() == sql::Dialect::kSqlite
                           ? "SELECT seq, tx FROM tg_marks WHERE node_id = ? AND consumer = ?"
                           : "SELECT seq, tx FROM tg_marks WHERE node_id = ? AND consumer = ? FOR UPDATE",
                       {node, consumer});
  if (!rows) return rows.error();
  if (!rows->empty()) return Mark{rows->front().integer(0), rows->front().integer(1)};
  auto made = db.execute("INSERT INTO tg_marks(node_id, consumer, seq, epoch, tx, updated_at) VALUES(?, ?, 0, 0, 0, ?)",
                         {node, consumer, now_ms});
  if (!made) return made.error();
  return Mark{};
}

sql::Result<void> write_mark(sql::Connection& db, std::string_view node, std::string_view consumer, const Mark& mark,
                             std::int64_t now_ms) {
  auto done = db.execute("UPDATE tg_marks SET seq = ?, tx = ?, updated_at = ? WHERE node_id = ? AND consumer = ?",
                         {mark.seq, mark.tx, now_ms, node, consumer});
  if (!done) return done.error();
  return {};
}

sql::Result<void> commit_marked(sql::Connection& db) {
  auto done = db.commit();
  if (done && core::fault_happens("commit.answer")) return sql::Error{sql::ErrorClass::kConnection, 0, "no answer"};
  return done;
}

sql::Result<void> insert_quarantine(sql::Connection& db, std::string_view node, std::string_view consumer,
                                    const JournalRow& row, std::string_view why, std::int64_t now_ms) {
  // Two consumers may refuse the same record; the first account of it is enough.
  auto there = db.query("SELECT 1 FROM tg_quarantine WHERE node_id = ? AND seq = ?", {node, row.seq});
  if (!there) return there.error();
  if (!there->empty()) return {};
  // Hexadecimal: the column is text, the record is bytes.
  const auto text = core::hex_digits(row.payload);
  auto done =
      db.execute("INSERT INTO tg_quarantine(node_id, seq, consumer, record, error, at) VALUES(?, ?, ?, ?, ?, ?)",
                 {node, row.seq, consumer, std::string_view(text), why, now_ms});
  if (!done) return done.error();
  return {};
}

bool is_poison(const sql::Error& error) {
  return error.cls == sql::ErrorClass::kData || error.cls == sql::ErrorClass::kDuplicate;
}

FlushConsumer::FlushConsumer(Consumer kind, std::string node, Journal& journal, sql::Pool& pool,
                             const core::Clock& clock, std::chrono::milliseconds rhythm)
    : kind_(kind),
      name_(kind == Consumer::kLog ? "log" : "stat"),
      node_(std::move(node)),
      journal_(journal),
      pool_(pool),
      clock_(clock),
      rhythm_(rhythm),
      batch_limit_(kBatch) {}

FlushConsumer::~FlushConsumer() { stop(std::chrono::steady_clock::now()); }

FlushConsumer::Step FlushConsumer::step() {
  if (!reader_) {
    auto opened = journal_.reader();
    if (!opened) return Step::kAway;
    reader_.emplace(std::move(*opened));
  }
  auto rows = reader_->read(position_, batch_limit_);
  if (!rows) {
    core::log::error("{}", rows.error().message);
    return Step::kAway;
  }
  if (known_ && rows->empty()) return Step::kIdle;
  return apply(*rows);
}

void FlushConsumer::move_to(std::int64_t position) {
  position_ = position;
  journal_.applied(kind_, position);
}

FlushConsumer::Step FlushConsumer::apply(const std::vector<JournalRow>& rows) {
  auto away = [&](const sql::Error& error) {
    core::log::warn("flush {}: {}", name_, error.message);
    return Step::kAway;
  };
  auto lease = pool_.lease();
  if (!lease) return away(lease.error());
  auto& db = **lease;
  auto now = clock_.unix_millis();
  struct Rollback {
    sql::Connection& db;
    ~Rollback() { db.rollback(); }
  } rollback{db};

  if (auto begun = db.begin(); !begun) return away(begun.error());
  auto mark = lock_mark(db, node_, name_, now);
  if (!mark) return away(mark.error());
  if (!known_ || mark->seq != position_) {
    // At start, after an unanswered COMMIT, or after SQL lost what it had acknowledged: the mark decides.
    if (known_ && mark->seq < position_)
      core::log::error("flush {}: J-REWIND: the database went back from {} to {}; kept records are applied again",
                       name_, position_.load(), mark->seq);
    if (auto committed = db.commit(); !committed) return away(committed.error());
    move_to(mark->seq);
    known_ = true;
    return Step::kMoved;
  }
  if (rows.empty()) return Step::kIdle;
  if (rows.front().prev > position_)
    core::log::error("flush {}: J-GAP: records after {} up to {} are not in the journal", name_, position_.load(),
                     rows.front().prev);

  std::vector<Record> records;
  std::vector<const JournalRow*> unreadable;
  for (const auto& row : rows) {
    if (auto record = decode(row.payload))
      records.push_back(std::move(*record));
    else
      unreadable.push_back(&row);
  }
  auto applied = kind_ == Consumer::kLog ? apply_log(db, records) : apply_statistics(db, records);
  const bool give_up = !applied && is_poison(applied.error()) && rows.size() == 1;
  if (give_up) {
    core::log::error("flush {}: J-POISON: record {}: {}", name_, rows.front().seq, applied.error().message);
    db.rollback();
    if (auto begun = db.begin(); !begun) return away(begun.error());
    unreadable = {&rows.front()};
  } else if (!applied && is_poison(applied.error())) {
    batch_limit_ = rows.size() / 2;
    return Step::kMoved;
  } else if (!applied) {
    return away(applied.error());
  }
  for (const auto* row : unreadable) {
    auto kept = insert_quarantine(db, node_, name_, *row, give_up ? applied.error().message : "unreadable", now);
    if (!kept) return away(kept.error());
  }
  if (auto moved = write_mark(db, node_, name_, {.seq = rows.back().seq, .tx = mark->tx}, now); !moved)
    return away(moved.error());
  const bool log = kind_ == Consumer::kLog;
  core::fault_point(log ? "log.applied" : "statistics.applied");
  if (auto committed = commit_marked(db); !committed) return away(committed.error());
  core::fault_point(log ? "log.committed" : "statistics.committed");
  for (const auto* row : unreadable)
    journal_.quarantine(row->seq, give_up ? applied.error().message : "unreadable", row->payload);
  move_to(rows.back().seq);
  batch_limit_ = std::min(kBatch, batch_limit_ * 2);
  return Step::kMoved;
}

sql::Result<void> FlushConsumer::apply_once(std::string_view key, const std::vector<Record>& records) {
  auto lease = pool_.lease();
  if (!lease) return lease.error();
  return sql::with_transaction(**lease, [&](sql::Connection& db) -> sql::Result<void> {
    bool first = false;
    if (auto owner = own_once(db, key, "", clock_.unix_millis(), &first); !owner) return owner.error();
    if (!first) return {};
    return kind_ == Consumer::kLog ? apply_log(db, records) : apply_statistics(db, records);
  });
}

sql::Result<void> FlushConsumer::apply_log(sql::Connection& db, const std::vector<Record>& records) {
  std::vector<model::LogRow> rows;
  for (const auto& record : records)
    if (record.kind == RecordKind::kLog || record.settle.write_log) rows.push_back(record.settle.log);
  if (rows.empty()) return {};
  return model::insert_logs(db, rows);
}

sql::Result<void> FlushConsumer::apply_statistics(sql::Connection& db, const std::vector<Record>& records) {
  std::map<std::int64_t, std::int64_t> channels;
  std::map<std::tuple<std::int64_t, std::string, std::string, std::int64_t>, model::QuotaData> hours;
  for (const auto& record : records) {
    if (!is_charge(record.kind)) continue;
    const auto& settle = record.settle;
    const auto& log = settle.log;
    if (settle.counts_use && settle.channel) channels[settle.channel.value] += settle.charge.units;
    if (!settle.write_log || !settle.export_data) continue;
    auto hour = log.created_at - log.created_at % 3600;
    auto& sum = hours[{settle.user.value, log.username, log.model_name, hour}];
    sum.user_id = settle.user;
    sum.username = log.username;
    sum.model_name = log.model_name;
    sum.hour = hour;
    sum.token_used += log.prompt_tokens + log.completion_tokens;
    ++sum.count;
    sum.quota += log.quota;  // of the whole request
  }
  for (auto [id, quota] : channels) {
    auto done = db.execute("UPDATE channels SET used_quota = used_quota + ? WHERE id = ?", {quota, id});
    if (!done) return done.error();
  }
  for (const auto& [key, sum] : hours)
    if (auto done = model::add_quota_data(db, sum); !done) return done.error();
  return {};
}

void FlushConsumer::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), ("flush-" + name_).c_str());
    run();
  });
}

void FlushConsumer::wake() {
  std::lock_guard lock(mutex_);
  if (std::exchange(work_, true)) return;  // told already
  wake_.notify_one();
}

void FlushConsumer::stop(std::chrono::steady_clock::time_point deadline) {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    deadline_ = deadline;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void FlushConsumer::run() {
  auto pause = std::chrono::milliseconds(100);
  for (;;) {
    const auto began = std::chrono::steady_clock::now();
    const auto before = mark();
    auto result = step();
    if (result != Step::kIdle)
      meter_.note(result == Step::kMoved, std::chrono::steady_clock::now() - began, mark() - before);
    std::unique_lock lock(mutex_);
    if (stopping_ && (result == Step::kIdle || std::chrono::steady_clock::now() >= deadline_)) return;
    if (result == Step::kMoved) {
      pause = std::chrono::milliseconds(100);
      if (rhythm_.count() > 0 && !stopping_)
        wake_.wait_for(lock, rhythm_, [this] { return stopping_ || !journal_.writable(); });
      continue;
    }
    if (result == Step::kAway) {
      wake_.wait_for(lock, std::min(pause, stopping_ ? std::chrono::milliseconds(100) : pause),
                     [this] { return stopping_ && std::chrono::steady_clock::now() >= deadline_; });
      pause = std::min(pause * 2, std::chrono::milliseconds(5000));
      continue;
    }
    wake_.wait_for(lock, std::chrono::seconds(1), [this] { return work_ || stopping_; });
    work_ = false;
  }
}

}  // namespace tollgate::billing
