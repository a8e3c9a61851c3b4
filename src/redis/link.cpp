#include "redis/link.h"

#include <algorithm>

#include "net/suspend.h"

namespace tollgate::redis {

namespace asio = boost::asio;
using core::Errc;
using core::Error;
using core::Result;
using net::awaitable;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

milliseconds Backoff::next() {
  auto wait = std::uniform_int_distribution<std::int64_t>(1, limit_.count())(random_);
  limit_ = std::min(limit_ * 2, most_);
  return milliseconds(wait);
}

void Link::start() {
  asio::co_spawn(io_, [self = shared_from_this()]() -> awaitable<void> { co_await self->run(); }, asio::detached);
}

void Link::stop() {
  stopped_ = true;
  timer_.cancel();
  Error why{Errc::kCancelled, "stopping"};
  release_early(&why);
  if (connection_) connection_->close(why);
}

void Link::renew(std::string why) {
  timer_.cancel();
  if (connection_) connection_->close(core::error(Errc::kUnavailable, std::move(why)));
}

awaitable<void> Link::run() {
  while (!stopped_) {
    auto opened = co_await open_();
    if (stopped_) {
      if (opened) (*opened)->close(core::error(Errc::kCancelled, "stopping"));
      break;
    }
    tried_ = true;
    if (!opened) {
      why_ = opened.error();
      release_early(&why_);
      if (events_.down) events_.down(why_);
    } else {
      Command info{"INFO", "server"};
      auto told = co_await (*opened)->ask(std::move(info), steady_clock::now() + milliseconds(500));
      std::string run_id;
      if (told && told->type == Reply::Type::kText) {
        if (auto at = told->text.find("run_id:"); at != std::string::npos) run_id = told->text.substr(at + 7, 40);
      }
      if (!(*opened)->closed() && !stopped_) {
        connection_ = *opened;
        counters_.connects.fetch_add(1, std::memory_order_relaxed);
        if (events_.up) events_.up(run_id);
        release_early(nullptr);
        auto since = steady_clock::now();
        auto begin = [this](auto done) { connection_->on_closed([done](const Error& why) mutable { done(why); }); };
        why_ = co_await net::suspend<Error>(begin);
        connection_ = nullptr;
        if (stopped_) break;
        if (events_.down) events_.down(why_);
        // One that held for a while was well: the next attempt starts at once.
        if (steady_clock::now() - since > milliseconds(2000)) backoff_.reset();
      } else {
        (*opened)->close(core::error(Errc::kCancelled, "stopping"));
      }
    }
    if (stopped_) break;
    timer_.expires_after(backoff_.next());
    co_await timer_.async_wait(asio::as_tuple(asio::deferred));
  }
}

void Link::send(const Command& command, Time due, Done done) { deliver(command, false, due, std::move(done)); }

void Link::send_asking(const Command& command, Time due, Done done) { deliver(command, true, due, std::move(done)); }

void Link::deliver(const Command& command, bool asking, Time due, Done done) {
  if (!connection_ && !tried_ && !stopped_) {
    early_.push_back({command, asking, due, std::move(done)});
    if (early_.size() == 1) expire_early();
    return;
  }
  auto now = steady_clock::now();
  if (!connection_) return done(why_.code == Errc::kTimeout ? core::error(Errc::kUnavailable, why_.message) : why_);
  if (connection_->stalled(now)) return done(core::error(Errc::kUnavailable, "the server is slow to answer"));
  if (!breaker_.allows(now)) return done(core::error(Errc::kUnavailable, "the server failed too often"));
  if (asking) connection_->send(Command{"ASKING"}, due, [](const Result<Reply>&) {});
  connection_->send(command, due, [self = shared_from_this(), done = std::move(done)](Result<Reply> reply) {
    self->counters_.commands.fetch_add(1, std::memory_order_relaxed);
    if (!reply) {
      auto& count = reply.error().code == Errc::kTimeout ? self->counters_.timed_out : self->counters_.failed;
      count.fetch_add(1, std::memory_order_relaxed);
    }
    self->breaker_.record(bool(reply), steady_clock::now());
    done(std::move(reply));
  });
}

void Link::release_early(const Error* why) {
  early_timer_.cancel();
  for (auto& one : std::exchange(early_, {})) {
    if (why) {
      one.done(*why);
    } else {
      deliver(one.command, one.asking, one.due, std::move(one.done));
    }
  }
}

// The commands of before the first connection have the same limit: the first to come is the first to end.
void Link::expire_early() {
  early_timer_.expires_at(early_.front().due);
  early_timer_.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
    if (cancelled) return;
    auto now = steady_clock::now();
    std::vector<Early> late;
    auto rest = std::find_if(self->early_.begin(), self->early_.end(), [&](const Early& one) { return one.due > now; });
    std::move(self->early_.begin(), rest, std::back_inserter(late));
    self->early_.erase(self->early_.begin(), rest);
    if (!self->early_.empty()) self->expire_early();
    for (auto& one : late) one.done(core::error(Errc::kTimeout, "not connected in time"));
  });
}

}  // namespace tollgate::redis
