#include "app/cluster_money.h"

#include <pthread.h>

#include <algorithm>

#include "core/log.h"

namespace tollgate::app {
namespace {

constexpr std::string_view kMessage = "slices";
constexpr auto kLook = std::chrono::seconds(1);  // at the number of nodes
constexpr auto kGiveBack = std::chrono::seconds(60);

}  // namespace

ClusterMoney::ClusterMoney(billing::Billing& billing, ClusterNode& cluster) : billing_(billing), cluster_(cluster) {
  billing_.connect_slices([this](std::string text) {
    if (!cluster_.feed().signals_healthy()) return false;
    cluster_.feed().publish(kMessage, {{"m", text}});
    return true;
  });
  cluster_.feed().on(std::string(kMessage), [this](const boost::json::object& message) {
    const auto* text = message.if_contains("m");
    if (text && text->is_string()) billing_.on_slice_message(text->get_string());
  });
}

void ClusterMoney::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "cluster-money");
    // A hold of seconds is looked after more often.
    const auto period = std::min<std::chrono::milliseconds>(
        kGiveBack, std::max<std::chrono::milliseconds>(kLook, billing_.lost_hold() / 4));
    auto due = std::chrono::steady_clock::now() + period;
    std::unique_lock lock(mutex_);
    do {
      lock.unlock();
      billing_.set_ready_nodes(cluster_.registry().ready_nodes());
      if (std::chrono::steady_clock::now() >= due) {
        due = std::chrono::steady_clock::now() + period;
        give_back_lost();
      }
      lock.lock();
    } while (!wake_.wait_for(lock, kLook, [this] { return stopping_; }));
  });
}

void ClusterMoney::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ClusterMoney::give_back_lost() {
  auto held = cluster_.leases().held("slices");
  if (!held) return;
  const auto me = cluster_.registry().settings().me;
  auto done = billing_.give_back_lost([&](sql::Connection& db) { return cluster::fence(db, me, *held); });
  if (!done) core::log::warn("slices of lost nodes: {}", done.error().message);
}

}  // namespace tollgate::app
