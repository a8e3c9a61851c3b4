// Nodes over one database (tests/sql_server.h: which), stepped by hand, with a connection whose COMMIT answers can be
// lost.
#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "billing/balances.h"
#include "billing/journal.h"
#include "billing/ledger.h"
#include "billing/slices.h"
#include "model/schema.h"
#include "sql/connection.h"
#include "sql_server.h"
#include "unit/billing/balance_play.h"

namespace tollgate::billing::test {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = std::filesystem::temp_directory_path() / "tollgate-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Lends connections of another pool; the next COMMIT meets `fault`.
class FaultyPool final : public sql::Pool {
 public:
  explicit FaultyPool(sql::Pool& real) : real_(real) {}
  Fault fault = Fault::kNone;

  sql::Dialect dialect() const override { return real_.dialect(); }
  sql::Result<Lease> lease() override {
    if (fault == Fault::kAway) return gone();
    auto inner = real_.lease();
    if (!inner) return inner.error();
    return Lease(this, std::make_unique<Faulty>(*this, std::move(*inner)));
  }

 protected:
  void give_back(std::unique_ptr<sql::Connection> connection) override { connection.reset(); }

 private:
  static sql::Error gone() { return {sql::ErrorClass::kConnection, 0, "server has gone away"}; }

  class Faulty final : public sql::Connection {
   public:
    Faulty(FaultyPool& pool, Lease inner) : pool_(pool), inner_(std::move(inner)) {}
    sql::Dialect dialect() const override { return inner_->dialect(); }
    sql::Result<std::vector<sql::Row>> query(std::string_view s, std::span<const sql::Param> p) override {
      return inner_->query(s, p);
    }
    sql::Result<sql::Executed> execute(std::string_view s, std::span<const sql::Param> p) override {
      return inner_->execute(s, p);
    }
    sql::Result<void> begin() override { return inner_->begin(); }
    sql::Result<void> commit() override {
      auto fault = std::exchange(pool_.fault, Fault::kNone);
      if (fault == Fault::kCommitLost) {
        inner_->rollback();
        return gone();
      }
      auto done = inner_->commit();
      if (fault == Fault::kCommitHappensUnanswered) return gone();
      return done;
    }
    void rollback() override { inner_->rollback(); }
    bool in_transaction() const override { return inner_->in_transaction(); }

   private:
    FaultyPool& pool_;
    Lease inner_;
  };
  sql::Pool& real_;
};

class Database {
 public:
  explicit Database(sql::Dialect dialect = tollgate::test::chosen_database()) {
    pool_ = tollgate::test::fresh_database(dialect, 4, directory_.path());
    auto lease = pool_->lease();
    if (auto made = model::migrate(**lease); !made) throw std::runtime_error(made.error().message);
    if (pool_->dialect() == sql::Dialect::kSqlite) run("PRAGMA synchronous=OFF", {});
  }
  sql::Pool& pool() { return *pool_; }
  std::int64_t one(std::string_view statement, std::initializer_list<sql::Param> params = {}) {
    auto lease = pool_->lease();
    auto rows = (*lease)->query(statement, params);
    if (!rows) throw std::runtime_error(rows.error().message);
    return rows->empty() ? 0 : rows->front().integer(0);
  }
  void run(std::string_view statement, std::initializer_list<sql::Param> params) {
    auto lease = pool_->lease();
    auto done = (*lease)->execute(statement, params);
    if (!done) throw std::runtime_error(done.error().message);
  }
  void add_user(std::int64_t id, std::int64_t quota) {
    run("INSERT INTO users(id, username, password, quota, used_quota, request_count, aff_code) VALUES(?, ?, 'x', ?, 0, "
        "0, ?)",
        {id, std::string_view("user" + std::to_string(id)), quota, std::string_view("a" + std::to_string(id))});
  }
  void add_token(std::int64_t id, std::int64_t user, std::int64_t quota) {
    run(std::string("INSERT INTO tokens(id, user_id, ") + sql::quoted(pool_->dialect(), "key") +
            ", remain_quota, used_quota, unlimited_quota) VALUES(?, ?, ?, ?, 0, ?)",
        {id, user, std::string_view("key" + std::to_string(id)), quota, false});
  }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<sql::Pool> pool_;
};

// One process of a node: dropping it is kill -9 as far as the ledger can tell.
struct Process {
  Process(const std::string& id, const std::string& directory, sql::Pool& real, const core::Clock& clock,
          LedgerSettings settings = {})
      : pool(real) {
    auto opened = Journal::open({.directory = directory}, clock);
    if (!opened) throw std::runtime_error(opened.error().message);
    journal = std::move(*opened);
    ledger = std::make_unique<Ledger>(id, settings, *journal, slices, pool, clock);
  }
  AccountPtr wallet(std::int64_t id) { return slices.account({AccountKind::kWallet, id}); }
  AccountPtr token(std::int64_t id) { return slices.account({AccountKind::kToken, id}); }

  void settle_idle() {
    for (int i = 0; i < 1000 && ledger->step() == Ledger::Step::kMoved; ++i) {
    }
  }
  void close() {
    for (int i = 0; i < 1000 && ledger->closing_step() == Ledger::Step::kMoved; ++i) {
    }
  }
  // Asks the ledger and steps until it answers.
  AcquireResult acquire(AccountPtr wallet, AccountPtr token, std::int64_t amount) {
    AcquireResult result;
    bool answered = false;
    ledger->acquire(std::move(wallet), std::move(token), core::Quota{amount}, [&](AcquireResult r) {
      result = std::move(r);
      answered = true;
    });
    for (int i = 0; i < 50 && !answered; ++i) ledger->step();
    EXPECT_TRUE(answered);
    return result;
  }
  void settle(Reservation held, std::int64_t charge, std::int64_t token_id = 0) {
    SettleRecord record;
    record.user.value = held.wallet()->id.id;
    record.token.value = token_id;
    record.token_limited = held.token() != nullptr;
    record.charge.units = charge;
    record.counts_use = true;
    record.log.request_id = "r" + std::to_string(++settled);
    Slices::settle(held, record.charge);
    journal->append({RecordKind::kSettle, record}, {});
    journal->commit_queued();
  }

  FaultyPool pool;
  Slices slices;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Ledger> ledger;
  int settled = 0;
};

// Where nodes hear each other. Ledgers leave before they die.
class Hall {
 public:
  void enter(const std::string& node, Ledger& ledger) {
    {
      std::lock_guard lock(mutex_);
      there_[node] = &ledger;
    }
    ledger.connect({.ask =
                        [this, node](std::uint64_t call, const std::vector<AccountId>& accounts) {
                          ++asked_;
                          std::lock_guard lock(mutex_);
                          for (auto& [other, heard] : there_)
                            if (other != node) heard->on_asked(node, call, accounts);
                          return true;
                        },
                    .answer =
                        [this, node](const std::string& to, std::uint64_t call) {
                          std::lock_guard lock(mutex_);
                          if (auto found = there_.find(to); found != there_.end())
                            found->second->on_answered(node, call);
                        }});
  }
  void leave(const std::string& node) {
    std::lock_guard lock(mutex_);
    there_.erase(node);
  }
  int asked() const { return asked_; }

 private:
  std::mutex mutex_;
  std::map<std::string, Ledger*> there_;
  std::atomic<int> asked_{0};
};

}  // namespace tollgate::billing::test
