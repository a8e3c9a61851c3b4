#include "billing/journal.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "billing/steady_millis.h"
#include "core/fault_point.h"
#include "core/log.h"

namespace tollgate::billing {
namespace {

constexpr std::size_t kGroupLimit = 512;  // records in one group
constexpr std::int64_t kDeletePauseMs = 1000;
constexpr std::int64_t kPatienceMs = 2000;  // how long an answer waits for a disk that refuses
constexpr std::int64_t kRetryPauseMs = 100;
constexpr auto kCheckpointPause = std::chrono::milliseconds(50);
constexpr int kTurnsToLook = 20;         // checkpoints between two looks at the disk
constexpr int kTurnsToMeasure = 5 * 20;  // and at the backlog

}  // namespace

struct Journal::Operation {
  enum class What { kAppend, kPut, kRemove, kQuarantine } what = What::kAppend;
  std::int64_t kind = 0;
  std::int64_t seq = 0;    // kQuarantine
  std::string request_id;  // kQuarantine: the error
  std::string payload;
  std::string next;  // kAppend: the in-flight row that takes the place of the one dropped
  Done done;
  std::size_t size() const { return request_id.size() + payload.size() + next.size() + 64; }
};

// A row that has its number and is not on disk.
struct Journal::MemoryRow {
  JournalRow row;
  std::int64_t since = 0;  // it waits, by the monotonic clock
  std::int64_t kind = 0;
  std::string request_id;
  Done done;
  std::size_t bytes = 0;
};

// Changed by the writer, read by the consumers.
struct Journal::Memory {
  std::mutex mutex;
  std::deque<MemoryRow> rows;
  std::atomic<bool> any{false};
};

Journal::Journal(const JournalSettings& settings, const core::Clock& clock, std::unique_ptr<JournalFile> file)
    : settings_(settings), clock_(clock), file_(std::move(file)), memory_(std::make_unique<Memory>()) {
  last_seq_ = last_seq_of_file_ = file_->last_seq();
  // By time on purpose: a directory restored from an old copy must never give numbers that SQL has marked already.
  first_seq_ = next_seq_ = std::max(last_seq_ + 1, clock_.unix_millis() << 20);
  for (auto& id : file_->inflight_ids()) inflight_ids_.insert(std::move(id));
}

Journal::Journal(const JournalSettings& settings, const core::Clock& clock, std::int64_t last_seq)
    : settings_(settings), clock_(clock), memory_(std::make_unique<Memory>()), closed_(true) {
  last_seq_ = last_seq_of_file_ = last_seq;
  first_seq_ = next_seq_ = INT64_MAX;
}

Journal::~Journal() { stop(); }

core::Result<std::unique_ptr<Journal>> Journal::open(const JournalSettings& settings, const core::Clock& clock) {
  auto file = JournalFile::open(settings.directory, settings.power_safe, settings.reserve_bytes, clock);
  if (!file) return file.error();
  return std::unique_ptr<Journal>(new Journal(settings, clock, std::move(*file)));
}

core::Result<std::unique_ptr<Journal>> Journal::open_to_read(const std::string& directory, const core::Clock& clock) {
  auto file = JournalConnection::open(directory);
  if (!file) return file.error();
  auto last = file->last_seq();
  if (!last) return last.error();
  return std::unique_ptr<Journal>(new Journal({.directory = directory}, clock, *last));
}

void Journal::start() {
  writer_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "journal");
    run_writer();
  });
  housekeeping_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "checkpoint");
    run_housekeeping();
  });
}

void Journal::stop() {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    stopping_ = true;
    wake_.notify_all();
    stop_housekeeping_.notify_all();
  }
  if (writer_.joinable()) writer_.join();
  if (housekeeping_.joinable()) housekeeping_.join();
  while (commit_queued()) {
  }
  std::deque<Operation> left;
  std::size_t lost = 0;
  {
    std::scoped_lock lock(commit_mutex_, mutex_);
    closed_ = true;
    left.swap(queue_);
  }
  for (auto& operation : left) {
    lost += operation.what == Operation::What::kAppend ? 1 : 0;
    if (operation.done) operation.done(Committed::kRefused);
  }
  auto applied = applied_by_all();
  for (auto& row : memory_->rows) {
    lost += row.row.seq > applied ? 1 : 0;
    if (row.done) row.done(row.row.seq > applied ? Committed::kRefused : Committed::kInSql);
  }
  memory_->rows.clear();
  if (lost > 0) core::log::error("journal: {} records could not be written before the end", lost);
  file_.reset();
}

void Journal::push(Operation operation, bool wake) {
  Done refused;
  {
    std::lock_guard lock(mutex_);
    // Nothing is admitted from max_memory_bytes on; what was admitted before still finds room.
    if (closed_ || held_bytes_ + operation.size() > 2 * settings_.max_memory_bytes) {
      refused = std::move(operation.done);
      if (operation.what == Operation::What::kAppend)
        core::log::error("journal: a record is lost, the journal is {}", closed_ ? "closed" : "full in memory");
    } else {
      held_bytes_ += operation.size();
      queue_.push_back(std::move(operation));
    }
  }
  if (refused) return refused(Committed::kRefused);
  if (wake) this->wake();
}

void Journal::wake() { wake_.notify_one(); }

void Journal::append(const Record& record, Done done, bool wake, const InflightRecord* next) {
  push({.what = Operation::What::kAppend,
        .kind = static_cast<std::int64_t>(record.kind),
        .request_id = is_charge(record.kind) ? record.settle.log.request_id : std::string(),
        .payload = encode(record),
        .next = next ? encode_inflight(*next) : std::string(),
        .done = std::move(done)},
       wake);
}

void Journal::inflight_put(const InflightRecord& record) {
  push({.what = Operation::What::kPut,
        .request_id = record.settle.log.request_id,
        .payload = encode_inflight(record),
        .next = {},
        .done = {}});
}

void Journal::inflight_remove(std::string request_id) {
  push({.what = Operation::What::kRemove, .request_id = std::move(request_id), .payload = {}, .next = {}, .done = {}});
}

void Journal::quarantine(std::int64_t seq, std::string error, std::string payload) {
  push({.what = Operation::What::kQuarantine,
        .seq = seq,
        .request_id = std::move(error),
        .payload = std::move(payload),
        .next = {},
        .done = {}});
}

core::Result<std::vector<InflightRecord>> Journal::inflight() {
  std::lock_guard lock(commit_mutex_);
  if (file_) return file_->inflight();
  auto file = JournalConnection::open(settings_.directory);
  if (!file) return file.error();
  return file->inflight();
}

std::size_t Journal::queued() const {
  std::lock_guard lock(mutex_);
  return queue_.size();
}

void Journal::release(std::size_t bytes) { held_bytes_ -= bytes; }

bool Journal::has_room(bool sql_away) const {
  if (held_bytes_ >= settings_.max_memory_bytes) return false;
  return !sql_away || backlog_bytes_ < settings_.max_backlog_bytes;
}

void Journal::applied(Consumer consumer, std::int64_t seq) {
  applied_[static_cast<std::size_t>(consumer)] = seq;
  if (!memory_->any) return;
  std::lock_guard lock(mutex_);
  progress_ = true;
  wake_.notify_one();
}

std::int64_t Journal::applied_by_all() const {
  return std::min({applied_[0].load(), applied_[1].load(), applied_[2].load()});
}

bool Journal::commit_queued() {
  std::lock_guard one(commit_mutex_);
  std::deque<Operation> group;
  {
    std::lock_guard lock(mutex_);
    while (!queue_.empty() && group.size() < kGroupLimit) {
      group.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
  }
  auto now = steady_millis(clock_);
  if (!writable_ && now >= next_try_ms_) move_to_disk(now);
  if (group.empty()) {
    answer_waiting(now);
    if (writable_ && now - deleted_at_ms_ >= kDeletePauseMs) {
      deleted_at_ms_ = now;
      file_->delete_applied(applied_by_all(), clock_.unix_millis() - settings_.keep.count());
    }
    return false;
  }
  bool records = std::any_of(group.begin(), group.end(),
                             [](const Operation& operation) { return operation.what == Operation::What::kAppend; });
  bool on_disk = writable_ && write_group(group);
  if (!on_disk && writable_) {
    auto why = file_->error();
    bool full = file_->refused_for_room();
    file_->rollback();
    on_disk = full && file_->make_room(applied_by_all()) && write_group(group);
    if (!on_disk) {
      file_->rollback();
      writable_ = false;
      next_try_ms_ = now + kRetryPauseMs;
      core::log::error("journal: J-MEMORY: the disk refuses: {}; charges wait in memory and go to the database at once",
                       why);
    }
  }
  if (on_disk) {
    std::size_t bytes = 0;
    for (auto& operation : group) {
      bytes += operation.size();
      if (operation.done) operation.done(Committed::kOnDisk);
    }
    release(bytes);
  } else {
    keep_in_memory(std::move(group), now);
    answer_waiting(now);
  }
  if (records && on_commit_) on_commit_();
  return true;
}

bool Journal::write_group(const std::deque<Operation>& group) {
  auto& file = *file_;
  if (!file.begin()) return false;
  auto seq = next_seq_;
  auto last = last_seq_.load();
  auto now = clock_.unix_millis();
  // A superset of the rows that exist: one that never came to disk only costs a needless DELETE.
  auto drop = [&](const std::string& id) { return !inflight_ids_.contains(id) || file.remove_inflight(id); };
  for (const auto& operation : group) {
    bool ok = true;
    switch (operation.what) {
      case Operation::What::kAppend:
        ok = file.insert({.seq = seq, .prev = last, .at = now, .payload = operation.payload}, operation.kind) &&
             drop(operation.request_id) &&
             (operation.next.empty() || file.put_inflight(operation.request_id, now, operation.next));
        last = seq++;
        break;
      case Operation::What::kPut:
        ok = file.put_inflight(operation.request_id, now, operation.payload);
        inflight_ids_.insert(operation.request_id);
        break;
      case Operation::What::kRemove: ok = drop(operation.request_id); break;
      case Operation::What::kQuarantine:
        ok = file.add_quarantine(operation.seq, operation.request_id, operation.payload);
        break;
    }
    if (!ok) return false;
  }
  core::fault_point("journal.filled");
  const auto began = std::chrono::steady_clock::now();
  if (!file.commit()) return false;
  commit_times_.observe(
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began).count());
  core::fault_point("journal.committed");
  next_seq_ = seq;
  last_seq_ = last;
  for (const auto& operation : group) {
    if (operation.what == Operation::What::kPut || !operation.next.empty())
      inflight_ids_.insert(operation.request_id);
    else if (operation.what == Operation::What::kAppend || operation.what == Operation::What::kRemove)
      inflight_ids_.erase(operation.request_id);
  }
  return true;
}

// The rows get their numbers as they would on disk; what nobody waits for is left out.
void Journal::keep_in_memory(std::deque<Operation> group, std::int64_t now) {
  std::lock_guard lock(memory_->mutex);
  for (auto& operation : group) {
    bool ends = operation.what == Operation::What::kAppend || operation.what == Operation::What::kRemove;
    if (ends && inflight_ids_.contains(operation.request_id)) removals_.push_back(operation.request_id);
    if (operation.what != Operation::What::kAppend) {
      release(operation.size());
      continue;
    }
    auto bytes = operation.size();
    memory_->rows.push_back({.row = {.seq = next_seq_,
                                     .prev = last_seq_,
                                     .at = clock_.unix_millis(),
                                     .payload = std::move(operation.payload)},
                             .since = now,
                             .kind = operation.kind,
                             .request_id = std::move(operation.request_id),
                             .done = std::move(operation.done),
                             .bytes = bytes});
    last_seq_ = next_seq_++;
  }
  memory_->any = !memory_->rows.empty();
}

// Tries the disk again: everything that waits goes there, in order.
void Journal::move_to_disk(std::int64_t now) {
  std::vector<std::string> gone;
  while (write_from_memory(gone)) {
    for (const auto& id : gone) inflight_ids_.erase(id);
    if (!memory_->any) {
      writable_ = true;
      core::log::warn("journal: the disk takes records again");
      return;
    }
  }
  if (file_->refused_for_room()) file_->make_room(applied_by_all());
  file_->rollback();
  next_try_ms_ = now + kRetryPauseMs;
}

bool Journal::write_from_memory(std::vector<std::string>& gone) {
  auto& rows = memory_->rows;
  auto& file = *file_;
  if (!file.begin()) return false;
  gone.clear();
  for (auto& id : removals_) {
    if (!file.remove_inflight(id)) return false;
    gone.push_back(id);
  }
  std::size_t count = 0;
  for (; count < rows.size() && count < kGroupLimit; ++count)
    if (!file.insert(rows[count].row, rows[count].kind)) return false;
  if (!file.commit()) return false;
  removals_.clear();
  std::lock_guard lock(memory_->mutex);
  for (; count > 0; --count) {
    if (rows.front().done) rows.front().done(Committed::kOnDisk);
    release(rows.front().bytes);
    rows.pop_front();
  }
  memory_->any = !rows.empty();
  return true;
}

// Rows in memory that are in SQL are done with; of the others none lets its answer wait too long.
void Journal::answer_waiting(std::int64_t now) {
  if (!memory_->any) return;
  auto applied = applied_by_all();
  std::lock_guard lock(memory_->mutex);
  auto& rows = memory_->rows;
  while (!rows.empty() && rows.front().row.seq <= applied) {
    if (rows.front().done) rows.front().done(Committed::kInSql);
    release(rows.front().bytes);
    rows.pop_front();
  }
  for (auto& row : rows) {
    if (now - row.since < kPatienceMs) break;
    if (auto done = std::exchange(row.done, {})) done(Committed::kInMemory);
  }
  memory_->any = !rows.empty();
}

void Journal::run_writer() {
  for (;;) {
    bool moved = commit_queued();
    std::unique_lock lock(mutex_);
    if (moved && !queue_.empty()) continue;
    if (stopping_) return;
    auto pause = writable_ ? std::chrono::milliseconds(1000) : std::chrono::milliseconds(kRetryPauseMs);
    wake_.wait_for(lock, pause, [this] { return stopping_ || !queue_.empty() || progress_; });
    progress_ = false;
  }
}

// Checkpoints, so that the log stays short; the reserve and the size of the backlog beside it.
void Journal::run_housekeeping() {
  auto reader = JournalConnection::open(settings_.directory);
  auto checkpoint = JournalCheckpoint::open(settings_.directory);
  if (!reader || !checkpoint) {
    core::log::error("{}", (reader ? checkpoint.error() : reader.error()).message);
    return;
  }
  std::string reported;
  bool low = false;
  bool warned = false;
  std::unique_lock lock(mutex_);
  for (int turn = 1; !stop_housekeeping_.wait_for(lock, kCheckpointPause, [this] { return stopping_; }); ++turn) {
    lock.unlock();
    bool due = false;
    {
      std::lock_guard nobody_writes(commit_mutex_);
      due = file_->log_grew() && checkpoint->hold();
      if (due) file_->log_is_taken();
    }
    if (auto wrong = due ? checkpoint->run() : std::string(); !wrong.empty() && wrong != reported) {
      core::log::error("journal: checkpoint failed: {}", wrong);
      reported = wrong;
    }
    if (turn % kTurnsToLook == 0 && settings_.reserve_bytes > 0) {
      file_->restore_reserve();
      auto free = file_->free_bytes();
      if (free && low != (*free < 2 * settings_.reserve_bytes)) {
        low = !low;
        core::log::warn("journal: {} MB are free on the disk of the data directory", *free >> 20U);
        if (on_disk_low_) on_disk_low_(low);
      }
    }
    if (turn % kTurnsToMeasure == 0) {
      backlog_bytes_ = reader->bytes_after(applied_by_all());
      if (warned != (backlog_bytes_ > settings_.max_backlog_bytes / 2)) {
        warned = !warned;
        core::log::warn("journal: {} MB of charges are not in the database yet", backlog_bytes_ >> 20U);
      }
    }
    lock.lock();
  }
}

core::Result<JournalReader> Journal::reader() {
  auto opened = JournalConnection::open(settings_.directory);
  if (!opened) return opened.error();
  return JournalReader(std::move(*opened), *this);
}

core::Result<std::vector<JournalRow>> JournalReader::read(std::int64_t after, std::size_t limit) {
  auto rows = file_.read(after, limit);
  if (!rows || !journal_->memory_->any) return rows;
  auto last = rows->empty() ? after : rows->back().seq;
  std::lock_guard lock(journal_->memory_->mutex);
  for (const auto& kept : journal_->memory_->rows) {
    if (kept.row.seq <= last) continue;
    // Rows that moved to disk since they were read there are missing between the two: the next call has them.
    if (rows->size() >= limit || kept.row.prev > last) break;
    rows->push_back(kept.row);
    last = kept.row.seq;
  }
  return rows;
}

}  // namespace tollgate::billing
