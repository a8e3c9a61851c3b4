// What becomes of charges while the journal's disk takes nothing.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "billing/journal.h"
#include "unit/billing/ledger_fixture.h"
#include "unit/billing/refusing_disk.h"

namespace tollgate::billing::test {
namespace {

constexpr std::int64_t kUser = 1;
constexpr std::size_t kReserve = 1U << 20U;

Record charge_of(std::int64_t units) {
  Record made;
  made.settle.user.value = kUser;
  made.settle.charge.units = units;
  made.settle.counts_use = true;
  made.settle.log.request_id = "r" + std::to_string(units);
  return made;
}

std::vector<JournalRow> rows_after(Journal& journal, std::int64_t after = 0) {
  auto reader = journal.reader();
  auto rows = reader->read(after, 1'000'000);
  return std::move(*rows);
}

void all_apply(Journal& journal, std::int64_t seq) {
  for (auto consumer : {Consumer::kMain, Consumer::kStatistics, Consumer::kLog}) journal.applied(consumer, seq);
}

struct Answers {
  std::map<std::int64_t, Committed> got;
  Journal::Done of(std::int64_t units) {
    return [this, units](Committed how) { got.emplace(units, how); };
  }
};

TEST(JournalDisk, AFullDiskGetsRoomFromTheReserveAndFromAppliedRowsAndTakesTheGroupAllTheSame) {
  TemporaryDirectory data;
  core::ManualClock clock;
  Answers answers;
  auto journal = Journal::open({.directory = data.path(), .reserve_bytes = kReserve}, clock);
  ASSERT_TRUE(journal);
  auto reserve = std::filesystem::path(data.path()) / "journal.reserve";
  ASSERT_EQ(std::filesystem::file_size(reserve), kReserve);
  for (int i = 1; i <= 1200; ++i) (*journal)->append(charge_of(i), {});
  while ((*journal)->commit_queued()) {
  }
  all_apply(**journal, (*journal)->last_seq());
  RefusingDisk full([&] { return std::filesystem::exists(reserve); });
  (*journal)->append(charge_of(5000), answers.of(5000));
  EXPECT_TRUE((*journal)->commit_queued());
  EXPECT_EQ(answers.got.at(5000), Committed::kOnDisk);
  EXPECT_TRUE((*journal)->writable());
  EXPECT_FALSE(std::filesystem::exists(reserve));
  EXPECT_EQ(rows_after(**journal).size(), 2U) << "rows that are in SQL made room, but for the newest one";
}

TEST(JournalDisk, B9_WhileTheDiskRefusesChargesAreReadFromMemoryAndAnsweredOnceTheyAreInSql) {
  for (int code : {SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_READONLY}) {
    TemporaryDirectory data;
    core::ManualClock clock;
    Answers answers;
    auto journal = Journal::open({.directory = data.path()}, clock);
    ASSERT_TRUE(journal);
    (*journal)->append(charge_of(1), answers.of(1));
    (*journal)->commit_queued();
    bool refuses = true;
    RefusingDisk disk([&] { return refuses; }, code);
    for (int i = 2; i <= 4; ++i) {
      (*journal)->append(charge_of(i), answers.of(i));
      (*journal)->commit_queued();
    }
    EXPECT_FALSE((*journal)->writable());
    auto rows = rows_after(**journal);
    ASSERT_EQ(rows.size(), 4U);
    std::int64_t before = 0;
    for (const auto& row : rows) {
      EXPECT_EQ(row.prev, before);
      before = row.seq;
    }
    EXPECT_EQ(answers.got.size(), 1U);
    (*journal)->applied(Consumer::kMain, rows[2].seq);
    (*journal)->applied(Consumer::kStatistics, rows[2].seq);
    (*journal)->commit_queued();
    EXPECT_EQ(answers.got.size(), 1U) << "its log row is missing yet";
    (*journal)->applied(Consumer::kLog, rows[2].seq);
    (*journal)->commit_queued();
    EXPECT_EQ(answers.got.at(2), Committed::kInSql);
    EXPECT_EQ(answers.got.at(3), Committed::kInSql);
    EXPECT_FALSE(answers.got.contains(4));
    clock.advance(std::chrono::seconds(2));
    (*journal)->commit_queued();
    EXPECT_EQ(answers.got.at(4), Committed::kInMemory) << "no answer waits longer than two seconds";

    refuses = false;
    clock.advance(std::chrono::seconds(1));
    (*journal)->append(charge_of(5), answers.of(5));
    (*journal)->commit_queued();
    EXPECT_TRUE((*journal)->writable());
    EXPECT_EQ(answers.got.at(5), Committed::kOnDisk);
    auto after = rows_after(**journal, rows[2].seq);
    ASSERT_EQ(after.size(), 2U);
    EXPECT_EQ(after[0].seq, rows[3].seq);
    EXPECT_EQ(after[1].prev, rows[3].seq);
  }
}

TEST(JournalDisk, WhatWaitsInMemoryIsOnDiskInOrderOnceItTakesRowsAgain) {
  TemporaryDirectory data;
  core::ManualClock clock;
  std::vector<std::int64_t> numbers;
  {
    auto journal = Journal::open({.directory = data.path()}, clock);
    bool refuses = true;
    RefusingDisk disk([&] { return refuses; });
    for (int i = 1; i <= 1500; ++i) (*journal)->append(charge_of(i), {});
    while ((*journal)->commit_queued()) {
    }
    refuses = false;
    clock.advance(std::chrono::seconds(1));
    (*journal)->append(charge_of(1501), {});
    (*journal)->commit_queued();
  }
  auto again = Journal::open({.directory = data.path()}, clock);
  std::int64_t before = 0;
  std::int64_t units = 0;
  for (const auto& row : rows_after(**again)) {
    EXPECT_EQ(row.prev, before);
    before = row.seq;
    EXPECT_EQ(decode(row.payload)->settle.charge.units, ++units);
  }
  EXPECT_EQ(units, 1501);
}

TEST(JournalDisk, NothingMoreIsAdmittedOnceMemoryIsFullAndWhatWasAdmittedFindsRoom) {
  TemporaryDirectory data;
  core::ManualClock clock;
  auto journal = Journal::open({.directory = data.path(), .max_memory_bytes = 10'000}, clock);
  RefusingDisk disk([] { return true; });
  bool refused = false;
  int kept = 0;
  while ((*journal)->has_room(false)) {
    (*journal)->append(charge_of(++kept), [&](Committed how) { refused = refused || how == Committed::kRefused; });
    (*journal)->commit_queued();
  }
  EXPECT_GT(kept, 20);
  (*journal)->append(charge_of(++kept), [&](Committed how) { refused = refused || how == Committed::kRefused; });
  (*journal)->commit_queued();
  EXPECT_FALSE(refused);
  EXPECT_EQ(rows_after(**journal).size(), static_cast<std::size_t>(kept));
  all_apply(**journal, (*journal)->last_seq());
  (*journal)->commit_queued();
  EXPECT_TRUE((*journal)->has_room(false));
}

// The stream's in-flight row is on disk, its charge reached SQL from memory, and the process is killed before the disk
// took the removal of that row: the mark in SQL tells.
TEST(JournalDisk, B9_AStreamThatWasChargedFromMemoryIsNotChargedAgainByTheNextProcess) {
  Database db;
  core::ManualClock clock;
  TemporaryDirectory data;
  db.add_user(kUser, 200'000);
  {
    Process node("n1", data.path(), db.pool(), clock);
    auto held = node.acquire(node.wallet(kUser), nullptr, 100);
    InflightRecord begun{.settle = charge_of(33).settle, .begun = true};
    begun.settle.log.request_id = "r1";
    node.journal->inflight_put(begun);
    node.journal->commit_queued();
    RefusingDisk disk([] { return true; });
    node.settle(std::move(held.reservation), 70);
    node.settle_idle();
    EXPECT_EQ(db.one("SELECT used_quota FROM users"), 70);
  }
  clock.advance(std::chrono::seconds(1));
  Process node("n1", data.path(), db.pool(), clock);
  for (int i = 0; i < 10; ++i) {
    node.settle_idle();
    node.journal->commit_queued();
  }
  EXPECT_TRUE(node.ledger->recovered());
  EXPECT_EQ(db.one("SELECT used_quota FROM users"), 70);
  EXPECT_EQ(db.one("SELECT quota FROM users"), 200'000 - 70);
  EXPECT_TRUE(node.journal->inflight()->empty());
}

TEST(JournalDisk, AFlippedBitInTheLogLosesWhatCameAfterItAndNothingBefore) {
  TemporaryDirectory data;
  core::ManualClock clock;
  auto log_file = std::filesystem::path(data.path()) / "journal.db-wal";
  auto copy = std::filesystem::path(data.path()) / "copy";
  std::filesystem::create_directory(copy);
  {
    auto journal = Journal::open({.directory = data.path()}, clock);
    for (int i = 1; i <= 100; ++i) {
      (*journal)->append(charge_of(i), {});
      (*journal)->commit_queued();
    }
    // As a machine that loses power leaves it: file and log, no orderly end.
    std::filesystem::copy(std::filesystem::path(data.path()) / "journal.db", copy / "journal.db");
    std::filesystem::copy(log_file, copy / "journal.db-wal");
  }
  auto size = std::filesystem::file_size(copy / "journal.db-wal");
  {
    std::fstream file(copy / "journal.db-wal", std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(size / 2));
    char byte = 0;
    file.get(byte);
    file.seekp(static_cast<std::streamoff>(size / 2));
    file.put(static_cast<char>(byte ^ 0x10));
  }
  auto journal = Journal::open({.directory = copy.string()}, clock);
  ASSERT_TRUE(journal);
  auto rows = rows_after(**journal);
  EXPECT_GT(rows.size(), 10U);
  EXPECT_LT(rows.size(), 100U);
  std::int64_t units = 0;
  for (const auto& row : rows) EXPECT_EQ(decode(row.payload)->settle.charge.units, ++units);
}

}  // namespace
}  // namespace tollgate::billing::test
