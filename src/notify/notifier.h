// Tells users what happened: a bounded queue, one thread, the recipient's way.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>

#include "core/clock.h"
#include "core/option_table.h"
#include "core/types.h"
#include "notify/message.h"
#include "notify/throttle.h"
#include "notify/transport.h"
#include "sql/connection.h"

namespace tollgate::notify {

struct NotifierSettings {
  std::int64_t limit = 2;                                  // NOTIFY_LIMIT_COUNT
  std::chrono::seconds window = std::chrono::minutes(10);  // NOTIFICATION_LIMIT_DURATION_MINUTE
};

// What is posted is told once, later, or not at all: a full queue, the throttle, a user without an address and a failed
// call each end it, with a line in the log where somebody would look for one. Thread-safe. What is passed by reference
// outlives the notifier.
class Notifier {
 public:
  using OptionsInForce = std::function<std::shared_ptr<const core::Options>()>;
  // What a balance column is worth with what nodes hold of it.
  using ShownBalance = std::function<core::Quota(core::UserId, core::Quota column)>;

  Notifier(NotifierSettings settings, sql::Pool& pool, const core::Clock& clock, OptionsInForce options,
           ShownBalance shown_balance, Transport& transport);
  ~Notifier();  // as stop()
  // Counts that several nodes share: whether this one may be sent, nullopt when nobody can say, and this node's own
  // count decides. Set before start(); called on the notifier's thread, where it may wait for a moment.
  using SharedCount = std::function<std::optional<bool>(core::UserId, const std::string& type)>;
  void share_counts(SharedCount count) { shared_count_ = std::move(count); }
  void start();
  void stop();  // ends what runs; what waits is not told

  // Each waits for nothing; false: the queue is full.
  bool tell_root(Message message);
  // A request of this user was charged, and the balance may be low now: it is looked at, and the user told if so.
  bool charged(core::UserId user, core::Quota charge);

  // Takes the next from the queue; false: it is empty. The thread's work; tests call it without one.
  bool step();

 private:
  struct Charged {
    core::UserId user;
    core::Quota charge;
  };
  using Job = std::variant<Message, Charged>;

  bool push(Job job);
  void tell_about(const Charged& charged);
  void tell(const Recipient& to, const Message& message);
  core::Result<void> deliver(const Recipient& to, const Message& message, const core::Options& options);
  bool paused(const Recipient& to);
  void note(const Recipient& to, bool well);
  void run();

  sql::Pool& pool_;
  const core::Clock& clock_;
  OptionsInForce options_;
  ShownBalance shown_balance_;
  Transport& transport_;
  Throttle throttle_;
  SharedCount shared_count_;
  // Addresses that failed three times in a row rest for an hour: nobody makes us knock at a door for ever.
  struct Failures {
    int in_a_row = 0;
    std::int64_t until = 0;
  };
  std::map<core::UserId, Failures> failures_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  bool full_told_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tollgate::notify
