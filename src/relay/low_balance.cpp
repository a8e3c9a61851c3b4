#include "relay/low_balance.h"

namespace tollgate::relay {
namespace {
constexpr auto kPause = std::chrono::seconds(1);
constexpr std::size_t kMostRemembered = 10'000;
}  // namespace

void warn_if_low(Request& request, core::Quota charge) {
  if (charge.units <= 0 || !request.relay.low_balance) return;
  const auto& identity = *request.identity;
  const auto threshold =
      identity.warning_threshold != 0 ? identity.warning_threshold : request.snapshot->relay.remind_threshold;
  // The column leaves out what nodes hold in slices: the true balance is never below this.
  const auto spent = identity.wallet->spent.load(std::memory_order_relaxed) - identity.spent_before.units;
  if (static_cast<double>(identity.column.units - spent) >= threshold) return;
  auto& told = request.local.told_of_balance;
  if (told.size() >= kMostRemembered) told.clear();
  const auto now = request.relay.clock.steady();
  auto [entry, first] = told.try_emplace(identity.user.value, now);
  if (!first && now - entry->second < kPause) return;
  entry->second = now;
  request.relay.low_balance(identity.user, charge);
}

}  // namespace tollgate::relay
