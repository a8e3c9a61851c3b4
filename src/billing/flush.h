// The consumers of the journal that move no balance: statistics (channels.used_quota, quota_data) and log rows. Each
// has a mark of its own in the database that it writes to, so that a slow log database holds nothing else back.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "billing/flush_meter.h"
#include "billing/journal.h"
#include "core/clock.h"
#include "sql/connection.h"

namespace tollgate::billing {

// A consumer's row in tg_marks.
struct Mark {
  std::int64_t seq = 0;  // last applied record
  std::int64_t tx = 0;   // ledger transactions, consumer "main" only
};

// In a transaction: reads the mark under lock; a missing row is made (0, 0).
sql::Result<Mark> lock_mark(sql::Connection& db, std::string_view node, std::string_view consumer, std::int64_t now_ms);
sql::Result<void> write_mark(sql::Connection& db, std::string_view node, std::string_view consumer, const Mark& mark,
                             std::int64_t now_ms);
// COMMIT of a transaction that moves a mark. An error does not say whether it happened: the mark does.
sql::Result<void> commit_marked(sql::Connection& db);
// A record that SQL will never take: kept in tg_quarantine for people. In the caller's transaction.
sql::Result<void> insert_quarantine(sql::Connection& db, std::string_view node, std::string_view consumer,
                                    const JournalRow& row, std::string_view why, std::int64_t now_ms);
// kData, kDuplicate: the record is at fault, and waiting does not help.
bool is_poison(const sql::Error& error);

// step() moves one batch and may be driven by hand; start() drives it on a thread.
class FlushConsumer {
 public:
  FlushConsumer(Consumer kind, std::string node, Journal& journal, sql::Pool& pool, const core::Clock& clock,
                std::chrono::milliseconds rhythm);
  ~FlushConsumer();

  enum class Step { kMoved, kIdle, kAway };
  Step step();
  // Records without numbers, in one transaction with `key` of tg_once; nothing when it is there.
  sql::Result<void> apply_once(std::string_view key, const std::vector<Record>& records);

  void start();
  void wake();                                                // something was committed
  void stop(std::chrono::steady_clock::time_point deadline);  // moves what is there, then joins
  std::int64_t mark() const { return position_; }
  const FlushMeter& meter() const { return meter_; }

 private:
  Step apply(const std::vector<JournalRow>& rows);
  void move_to(std::int64_t position);
  sql::Result<void> apply_log(sql::Connection& db, const std::vector<Record>& records);
  sql::Result<void> apply_statistics(sql::Connection& db, const std::vector<Record>& records);
  void run();

  Consumer kind_;
  std::string name_;
  std::string node_;
  Journal& journal_;
  sql::Pool& pool_;
  const core::Clock& clock_;
  std::chrono::milliseconds rhythm_;
  std::optional<JournalReader> reader_;
  std::atomic<std::int64_t> position_{0};
  FlushMeter meter_;
  bool known_ = false;       // position_ was read from the mark
  std::size_t batch_limit_;  // halved while a poisoned record is looked for
  std::mutex mutex_;
  std::condition_variable wake_;
  bool work_ = false;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point deadline_;
  std::thread thread_;
};

}  // namespace tollgate::billing
