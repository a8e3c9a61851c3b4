// What a realtime session costs while it runs: charged in parts, each in the journal before the client sees the end of
// what it pays for, and room in the balance for what comes next.
#pragma once
#include "dialect/realtime_events.h"
#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::relay {

// Of one session, on its worker. Each part brings what was charged to what the whole session costs so far, so nothing
// is rounded twice, and what was counted ahead of a report that came to less is given back.
class RealtimeBill {
 public:
  // The request has its price and its first reservation.
  RealtimeBill(Request& request, const dialect::RealtimeMeter& meter) : request_(request), meter_(meter) {}

  // Charges what is not charged yet and waits until it is in the journal. What is charged meanwhile is charged apart.
  net::awaitable<void> settle_part();
  // Before a response is added to the meter: it, and what follows, costs what the price is now.
  void look_up_price();

  enum class Room { kEnough, kNone, kUnknown };  // kUnknown: the database is away
  // Raises the reservation to what was counted since the last part and the first reservation's worth besides.
  net::awaitable<Room> make_room();

  // What a later process charges if this one is killed; waits for nothing.
  void note_for_recovery();
  // The last part, with the log row of all. Nothing of this object may be called after it.
  net::awaitable<void> settle_last(const EndOfRequest& end);

 private:
  core::Quota cost_of(const billing::Usage& all) const;
  core::Quota owed() const;
  billing::SettleRecord record_of(const EndOfRequest& end) const;

  Request& request_;
  const dialect::RealtimeMeter& meter_;
  core::Quota charged_;
  // When the price changed last: what the responses had used, and what it had cost.
  billing::Usage used_before_;
  core::Quota owed_before_;
  std::uint64_t price_version_ = 0;
  bool asking_ = false;  // for room
  core::Quota noted_{-1};
};

}  // namespace tollgate::relay
