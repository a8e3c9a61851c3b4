#include "billing/journal.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <thread>

#include "core/random.h"
#include "unit/billing/ledger_fixture.h"

namespace tollgate::billing::test {
namespace {

Record record(std::int64_t number) {
  Record made;
  made.settle.user.value = 1;
  made.settle.charge.units = number;
  made.settle.log.request_id = "r" + std::to_string(number);
  made.settle.log.other = R"({"model_ratio":1.25})";
  return made;
}

std::vector<JournalRow> all_rows(Journal& journal) {
  auto reader = journal.reader();
  auto rows = reader->read(0, 1'000'000);
  return std::move(*rows);
}

TEST(Record, ComesBackAsItWentIn) {
  auto before = record(-7);
  before.settle.token_limited = before.settle.export_data = before.settle.log.is_stream = true;
  before.settle.log.content = "大模型";
  auto bytes = encode(before);
  auto after = decode(bytes);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->settle.charge.units, -7);
  EXPECT_EQ(after->settle.log.content, "大模型");
  EXPECT_EQ(after->settle.log.other, before.settle.log.other);
  EXPECT_TRUE(after->settle.token_limited && after->settle.export_data && after->settle.log.is_stream);
  EXPECT_FALSE(after->settle.counts_use);
}

TEST(Record, RefusesOtherVersionsAndEveryCutAndTail) {
  auto bytes = encode(record(5));
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode(std::string_view(bytes).substr(0, size)));
  EXPECT_FALSE(decode(bytes + "x"));
  bytes[0] = 2;
  EXPECT_FALSE(decode(bytes));
}

TEST(Journal, NumbersRiseByTimeAndEachRowNamesTheOneBefore) {
  TemporaryDirectory data;
  core::ManualClock clock;
  std::int64_t last = 0;
  for (int start = 0; start < 2; ++start) {
    auto journal = Journal::open({.directory = data.path()}, clock);
    ASSERT_TRUE(journal);
    for (int i = 0; i < 3; ++i) (*journal)->append(record(i), {});
    ASSERT_TRUE((*journal)->commit_queued());
    EXPECT_GE((*journal)->first_seq_of_start(), clock.unix_millis() << 20);
    EXPECT_GT((*journal)->first_seq_of_start(), last);
    last = (*journal)->last_seq();
    clock.advance(std::chrono::seconds(1));
  }
  auto journal = Journal::open({.directory = data.path()}, clock);
  std::int64_t before = 0;
  for (const auto& row : all_rows(**journal)) {
    EXPECT_EQ(row.prev, before);
    before = row.seq;
  }
  EXPECT_EQ(before, last);
}

// The salt of a write-ahead log changes when it begins again (sqlite.org/fileformat2.html, "WAL Header").
std::string log_salt(const TemporaryDirectory& data) {
  std::ifstream log(data.path() + "/journal.db-wal", std::ios::binary);
  std::string header(24, '\0');
  log.read(header.data(), static_cast<std::streamsize>(header.size()));
  return header.substr(16);
}

TEST(Journal, B9_TheLogDoesNotBeginAgainWhileACheckpointIsAtWork) {
  TemporaryDirectory data;
  core::ManualClock clock;
  auto file = JournalFile::open(data.path(), false, 0, clock);
  ASSERT_TRUE(file);
  auto checkpoint = JournalCheckpoint::open(data.path());
  ASSERT_TRUE(checkpoint);
  std::int64_t seq = 0;
  auto write = [&] {
    ASSERT_TRUE((*file)->begin());
    ++seq;
    ASSERT_TRUE((*file)->insert({.seq = seq, .prev = seq - 1, .payload = "x"}, 0));
    ASSERT_TRUE((*file)->commit());
  };
  write();
  EXPECT_TRUE((*file)->log_grew());
  auto salt = log_salt(data);
  ASSERT_TRUE(checkpoint->hold());
  EXPECT_EQ(checkpoint->run(), "");
  // All of it is in the file now: the next transaction begins the log again.
  write();
  EXPECT_NE(log_salt(data), salt);

  // A second checkpoint, which another one overtakes before it is at work. What is written meanwhile has to come
  // behind.
  salt = log_salt(data);
  auto overtaking = JournalCheckpoint::open(data.path());
  ASSERT_TRUE(overtaking);
  ASSERT_TRUE(checkpoint->hold());
  ASSERT_TRUE(overtaking->hold());
  EXPECT_EQ(overtaking->run(), "");
  write();
  EXPECT_EQ(log_salt(data), salt);
  EXPECT_EQ(checkpoint->run(), "");
  ASSERT_TRUE(checkpoint->hold());
  EXPECT_EQ(checkpoint->run(), "");
  write();
  EXPECT_NE(log_salt(data), salt);
  auto reader = JournalConnection::open(data.path());
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->read(0, 100)->size(), 4U);
}

TEST(Journal, ASecondProcessIsRefused) {
  TemporaryDirectory data;
  auto first = Journal::open({.directory = data.path()}, core::real_clock());
  auto second = Journal::open({.directory = data.path()}, core::real_clock());
  ASSERT_TRUE(first);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, core::Errc::kConflict);
}

TEST(Journal, ADamagedFileIsKeptAsideAndReadableRowsAreCarriedOver) {
  TemporaryDirectory data;
  core::ManualClock clock;
  {
    auto journal = Journal::open({.directory = data.path()}, clock);
    for (int i = 0; i < 2000; ++i) (*journal)->append(record(i), {});
    while ((*journal)->commit_queued()) {
    }
  }
  {
    std::fstream file(data.path() + "/journal.db", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 20);
    file << std::string(4096, '\x55');
  }
  auto journal = Journal::open({.directory = data.path()}, clock);
  ASSERT_TRUE(journal);
  EXPECT_GT(all_rows(**journal).size(), 100U);
  int aside = 0;
  for (const auto& entry : std::filesystem::directory_iterator(data.path()))
    aside += entry.path().filename().string().starts_with("journal.damaged-") ? 1 : 0;
  EXPECT_GE(aside, 1);
}

TEST(Journal, AppliedRowsGoAfterTheyWereKeptLongEnough) {
  TemporaryDirectory data;
  core::ManualClock clock;
  auto journal = Journal::open({.directory = data.path(), .keep = std::chrono::minutes(1)}, clock);
  for (int i = 0; i < 10; ++i) (*journal)->append(record(i), {});
  (*journal)->commit_queued();
  for (auto consumer : {Consumer::kMain, Consumer::kStatistics, Consumer::kLog})
    (*journal)->applied(consumer, (*journal)->last_seq());
  clock.advance(std::chrono::seconds(30));
  (*journal)->commit_queued();
  EXPECT_EQ(all_rows(**journal).size(), 10U);
  clock.advance(std::chrono::seconds(31));
  (*journal)->commit_queued();
  EXPECT_EQ(all_rows(**journal).size(), 1U);
}

TEST(Journal, ASettledRequestLeavesNoInflightRow) {
  TemporaryDirectory data;
  auto journal = Journal::open({.directory = data.path()}, core::real_clock());
  (*journal)->inflight_put({record(1).settle, true});
  (*journal)->inflight_put({record(2).settle, false});
  (*journal)->commit_queued();
  (*journal)->append(record(1), {});
  (*journal)->commit_queued();
  auto left = (*journal)->inflight();
  ASSERT_EQ(left->size(), 1U);
  EXPECT_EQ(left->front().settle.log.request_id, "r2");
}

// A child appends and writes the number of each acknowledged record to a pipe; it is killed at a random moment.
TEST(Journal, B9_NothingAcknowledgedIsLostByAKillAndNoNumberIsMissing) {
  TemporaryDirectory data;
  core::FastRandom random;
  std::set<std::int64_t> acknowledged;
  for (int round = 0; round < 20; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      auto journal = Journal::open({.directory = data.path()}, core::real_clock());
      if (!journal) ::_exit(1);
      (*journal)->start();
      for (std::int64_t i = 0;; ++i) {
        auto number = round * 10'000'000LL + i;
        (*journal)->append(record(number), [number, end = ends[1]](Committed how) {
          if (how == Committed::kOnDisk && ::write(end, &number, sizeof number) != sizeof number) ::_exit(2);
        });
        if (i % 16 == 15) std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
    }
    ::close(ends[1]);
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + random.below(40)));
    std::thread killer([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ::kill(child, SIGKILL);
    });
    std::int64_t number = 0;
    while (::read(ends[0], &number, sizeof number) == sizeof number) acknowledged.insert(number);
    killer.join();
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
  }
  auto journal = Journal::open({.directory = data.path()}, core::real_clock());
  ASSERT_TRUE(journal);
  std::set<std::int64_t> found;
  std::int64_t before = 0;
  for (const auto& row : all_rows(**journal)) {
    EXPECT_EQ(row.prev, before);
    EXPECT_GT(row.seq, before);
    before = row.seq;
    EXPECT_TRUE(found.insert(decode(row.payload)->settle.charge.units).second);
  }
  EXPECT_GT(acknowledged.size(), 100U);
  for (auto number : acknowledged) EXPECT_TRUE(found.contains(number)) << number;
}

}  // namespace
}  // namespace tollgate::billing::test
