#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "core/log.h"
#include "core/random.h"
#include "sql/server.h"

namespace tollgate::sql {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Time = steady_clock::time_point;

// Idle for longer: asked before it is lent. More than the pause between two heartbeats, which so need no question.
constexpr auto kTrusted = std::chrono::seconds(15);
constexpr milliseconds kFirstPause{250}, kLongestPause{1000};

// Some percent more or less, so that nodes that lost a server together do not come back together.
milliseconds spread(milliseconds mean, std::int64_t percent) {
  thread_local core::FastRandom random;
  auto permille = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(20 * percent))) - 10 * percent;
  return mean + mean * permille / 1000;
}

bool too_many(const Error& error) {
  return error.code == 1040 || error.code == 1203 || error.code == sqlstate("53300");
}

class ServerPool final : public Pool {
 public:
  ServerPool(Dialect dialect, Connect connect, const ServerSettings& settings)
      : dialect_(dialect), connect_(std::move(connect)), settings_(settings) {
    settings_.max_open = std::max<std::size_t>(settings_.max_open, 1);
    settings_.max_idle = std::min(settings_.max_idle, settings_.max_open);
  }

  Dialect dialect() const override { return dialect_; }

  Result<Lease> lease() override {
    std::vector<Kept> closed;  // destroyed without the lock: closing talks to the server
    std::unique_lock lock(mutex_);
    const auto due = steady_clock::now() + settings_.wait;
    for (;;) {
      const auto now = steady_clock::now();
      while (!idle_.empty() && idle_.back().expires <= now) retire(closed);
      if (!idle_.empty()) {
        auto kept = std::move(idle_.back());
        idle_.pop_back();
        if (now - kept.since < kTrusted) return lend(std::move(kept));
        lock.unlock();
        closed.clear();
        const bool answers = kept.connection->answers();
        if (!answers) kept.connection.reset();
        lock.lock();
        if (answers) return lend(std::move(kept));
        --open_;
        ++generation_;
        while (!idle_.empty()) retire(closed);
        continue;
      }
      if (open_ < settings_.max_open && now >= full_until_) {
        if (away_ && (connecting_ || now < next_attempt_)) return Error{ErrorClass::kConnection, code_, error_};
        auto made = connect(lock);
        if (made || !(too_many(made.error()) && open_ > 0)) return made;
        continue;  // the server takes no more than there are: one of those comes back
      }
      if (returned_.wait_until(lock, due) == std::cv_status::timeout && idle_.empty() && steady_clock::now() >= due)
        return Error{ErrorClass::kTimeout, 0, "all database connections are busy"};
    }
  }

  State state() const override {
    std::lock_guard lock(mutex_);
    return {open_, idle_.size(), settings_.max_open, away_, read_only_, away_ ? error_ : std::string()};
  }

 protected:
  void give_back(std::unique_ptr<Connection> returned) override {
    std::unique_ptr<ServerConnection> connection(static_cast<ServerConnection*>(returned.release()));
    connection->rollback();
    std::vector<Kept> closed;
    {
      std::lock_guard lock(mutex_);
      auto found = std::find_if(lent_.begin(), lent_.end(), [&](const Lent& l) { return l.at == connection.get(); });
      auto lent = *found;
      lent_.erase(found);
      const auto now = steady_clock::now();
      if (connection->lost() || connection->refused_write()) {
        // The others lead to the same server: it is away, or was the writable one until now.
        if (lent.generation == generation_) ++generation_;
        while (!idle_.empty()) retire(closed);
      }
      read_only_ = connection->refused_write();
      const bool keep = connection->usable() && !connection->refused_write() && lent.generation == generation_ &&
                        lent.expires > now && idle_.size() < settings_.max_idle;
      if (keep)
        idle_.push_back({std::move(connection), now, lent.expires, lent.generation});
      else
        --open_;
    }
    returned_.notify_one();
  }

 private:
  struct Kept {
    std::unique_ptr<ServerConnection> connection;
    Time since, expires;
    std::uint64_t generation;
  };
  struct Lent {
    ServerConnection* at;
    Time expires;
    std::uint64_t generation;
  };

  void retire(std::vector<Kept>& closed) {
    closed.push_back(std::move(idle_.back()));
    idle_.pop_back();
    --open_;
  }

  Lease lend(Kept kept) {
    lent_.push_back({kept.connection.get(), kept.expires, kept.generation});
    return Lease(this, std::move(kept.connection));
  }

  Result<Lease> connect(std::unique_lock<std::mutex>& lock) {
    ++open_;
    connecting_ = true;
    const auto generation = generation_;
    lock.unlock();
    auto made = connect_();
    lock.lock();
    connecting_ = false;
    const auto now = steady_clock::now();
    if (!made) {
      --open_;
      if (too_many(made.error()) && open_ > 0) {
        full_until_ = now + kLongestPause;
      } else {
        if (!away_) core::log::warn("database: {}", made.error().message);
        pause_ = away_ ? std::min(pause_ * 2, kLongestPause) : kFirstPause;
        next_attempt_ = now + spread(pause_, 20);
        away_ = true;
        error_ = made.error().message;
        code_ = made.error().code;
      }
      returned_.notify_all();
      return made.error();
    }
    if (away_) core::log::info("database: connected again");
    away_ = false;
    auto expires = settings_.lifetime.count() > 0 ? now + spread(settings_.lifetime, 10) : Time::max();
    lent_.push_back({made->get(), expires, generation});
    return Lease(this, std::move(*made));
  }

  const Dialect dialect_;
  const Connect connect_;
  ServerSettings settings_;
  mutable std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<Kept> idle_;  // the last returned at the end, and lent first
  std::vector<Lent> lent_;
  std::size_t open_ = 0;          // idle, lent, and those under way
  std::uint64_t generation_ = 0;  // raised when the server is lost
  bool away_ = false, connecting_ = false, read_only_ = false;
  std::string error_;
  int code_ = 0;
  milliseconds pause_ = kFirstPause;
  Time next_attempt_{}, full_until_{};
};

}  // namespace

std::unique_ptr<Pool> server_pool(Dialect dialect, Connect connect, const ServerSettings& settings) {
  return std::make_unique<ServerPool>(dialect, std::move(connect), settings);
}

}  // namespace tollgate::sql
