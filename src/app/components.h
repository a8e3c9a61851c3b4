// The parts that a node lives from and how each is: for /-/health, /readyz?verbose, /metrics and the log. A part that
// is not well does not make the node unready by itself.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/metrics_text.h"

namespace tollgate::app {

enum class Wellness { kOk, kDegraded, kAway };
std::string_view to_string(Wellness status);

struct Condition {
  Wellness status = Wellness::kOk;
  std::string detail;  // one line for people, without secrets
};

// Looked at once a second. Changes are told in the log, once each.
class Components {
 public:
  explicit Components(const core::Clock& clock) : clock_(clock) {}
  ~Components() { stop(); }

  // Before start(). `look` is called on the thread of start() and waits for nothing.
  void add(std::string name, std::function<Condition()> look);
  void start();
  void stop();
  void look();  // one round; the thread's work, and tests'

  // Any thread, as of the last round. {"sql":{"status":"ok","since":<unix seconds>,"detail":""},…}
  std::string json() const;
  void write(core::MetricsText& text) const;

 private:
  struct Component {
    std::string name;
    std::function<Condition()> look;
    Condition condition;
    std::int64_t since = 0;
  };
  const core::Clock& clock_;
  mutable std::mutex mutex_;
  std::vector<Component> components_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tollgate::app
