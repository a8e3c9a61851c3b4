#include "notify/notifier.h"

#include "core/log.h"
#include "core/random.h"
#include "model/user.h"
#include "notify/delivery.h"
#include "notify/mail.h"

namespace tollgate::notify {
namespace {

constexpr std::size_t kMostWaiting = 1000;
constexpr int kFailuresBeforeRest = 3;
constexpr std::int64_t kRest = 3600;
constexpr std::size_t kMostFailing = 10'000;

}  // namespace

Notifier::Notifier(NotifierSettings settings, sql::Pool& pool, const core::Clock& clock, OptionsInForce options,
                   ShownBalance shown_balance, Transport& transport)
    : pool_(pool),
      clock_(clock),
      options_(std::move(options)),
      shown_balance_(std::move(shown_balance)),
      transport_(transport),
      throttle_(settings.limit, settings.window) {}

Notifier::~Notifier() { stop(); }

void Notifier::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "notify");
    run();
  });
}

void Notifier::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  transport_.stop();
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Notifier::push(Job job) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return false;
    if (queue_.size() >= kMostWaiting) {
      if (!std::exchange(full_told_, true))
        core::log::warn("{} notifications wait; further ones are not sent", kMostWaiting);
      return false;
    }
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

bool Notifier::tell_root(Message message) { return push(std::move(message)); }
bool Notifier::charged(core::UserId user, core::Quota charge) { return push(Charged{user, charge}); }

void Notifier::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
    }
    step();
  }
}

bool Notifier::step() {
  Job job;
  {
    std::lock_guard lock(mutex_);
    if (queue_.empty()) return false;
    job = std::move(queue_.front());
    queue_.pop_front();
    if (queue_.empty()) full_told_ = false;
  }
  if (const auto* charged = std::get_if<Charged>(&job)) {
    tell_about(*charged);
    return true;
  }
  const auto& message = std::get<Message>(job);
  auto lease = pool_.lease();
  auto root = lease ? model::find_root(**lease) : lease.error();
  if (lease) *lease = sql::Pool::Lease();
  if (!root)
    core::log::warn("notification {} is not sent: {}", message.type, root.error().message);
  else if (*root)
    tell(recipient_of(**root), message);
  return true;
}

void Notifier::tell_about(const Charged& charged) {
  if (!throttle_.would_admit(charged.user, "quota_exceed", clock_.unix_seconds())) return;
  auto lease = pool_.lease();
  auto user = lease ? model::find_user(**lease, charged.user) : lease.error();
  if (lease) *lease = sql::Pool::Lease();
  if (!user || !*user) return;  // the next charge asks again
  const auto to = recipient_of(**user);
  const auto options = options_();
  const auto threshold = to.warning_threshold != 0 ? to.warning_threshold : options->real("QuotaRemindThreshold");
  const auto now = shown_balance_(charged.user, (*user)->quota);
  if (static_cast<double>(now.units) >= threshold) return;
  // Shown is what there was before the request, as other nodes show it.
  tell(to, low_balance(to, *options, now + charged.charge));
}

void Notifier::tell(const Recipient& to, const Message& message) {
  auto shared = shared_count_ ? shared_count_(to.id, message.type) : std::nullopt;
  // Counted here as well, for when the shared count cannot be asked.
  bool own = throttle_.admit(to.id, message.type, clock_.unix_seconds());
  if (!shared.value_or(own)) {
    core::log::info("notification limit exceeded for user {} with type {}", to.id.value, message.type);
    return;
  }
  if (!to.reachable() || paused(to)) return;
  auto sent = deliver(to, message, *options_());
  note(to, sent.has_value());
  if (!sent)
    core::log::warn("notification {} to user {} is not sent: {}", message.type, to.id.value, sent.error().message);
}

core::Result<void> Notifier::deliver(const Recipient& to, const Message& message, const core::Options& options) {
  if (to.way == Way::kEmail) {
    auto mail =
        compose_mail(options, to.email, message.title, message.html(), clock_.system(), core::random_alphanumeric(12));
    if (!mail) return mail.error();
    return transport_.mail(*mail);
  }
  auto call = to.way == Way::kWebhook ? webhook_call(to, message, clock_.unix_seconds())
              : to.way == Way::kBark  ? bark_call(to, message)
                                      : gotify_call(to, message);
  const core::FetchRules rules(options);
  std::string why;
  if (auto allowed = rules.check_url(call.url, &why); !allowed) {
    core::log::info("the notification address of user {} is refused: {}", to.id.value, why);
    return allowed.error();
  }
  auto outgoing = through_worker(std::move(call), to, options);
  if (!outgoing) return outgoing.error();
  return transport_.call(*outgoing, rules);
}

// Mail servers are the operator's; only addresses of users rest.
bool Notifier::paused(const Recipient& to) {
  if (to.way == Way::kEmail) return false;
  const auto found = failures_.find(to.id);
  return found != failures_.end() && clock_.unix_seconds() < found->second.until;
}

void Notifier::note(const Recipient& to, bool well) {
  if (well || to.way == Way::kEmail) {
    failures_.erase(to.id);
    return;
  }
  if (failures_.size() >= kMostFailing) failures_.clear();
  auto& failures = failures_[to.id];
  if (++failures.in_a_row < kFailuresBeforeRest) return;
  failures = {0, clock_.unix_seconds() + kRest};
  core::log::warn("the notification address of user {} failed {} times and rests for an hour", to.id.value,
                  kFailuresBeforeRest);
}

}  // namespace tollgate::notify
