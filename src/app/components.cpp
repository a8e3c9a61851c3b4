#include "app/components.h"

#include <fmt/core.h>

#include "core/json_text.h"
#include "core/log.h"

namespace tollgate::app {

std::string_view to_string(Wellness status) {
  switch (status) {
    case Wellness::kOk: return "ok";
    case Wellness::kDegraded: return "degraded";
    case Wellness::kAway: return "away";
  }
  return "";
}

void Components::add(std::string name, std::function<Condition()> look) {
  components_.push_back({std::move(name), std::move(look), {}, clock_.unix_seconds()});
}

void Components::look() {
  for (auto& component : components_) {
    auto found = component.look();
    std::lock_guard lock(mutex_);
    if (found.status != component.condition.status) {
      component.since = clock_.unix_seconds();
      if (found.status == Wellness::kOk)
        core::log::info("component.ok {}: well again", component.name);
      else
        core::log::warn("component.{} {}: {}", to_string(found.status), component.name, found.detail);
    }
    component.condition = std::move(found);
  }
}

void Components::start() {
  look();
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_; })) {
      lock.unlock();
      look();
      lock.lock();
    }
  });
}

void Components::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::string Components::json() const {
  std::lock_guard lock(mutex_);
  std::string out = "{";
  for (const auto& component : components_)
    out += fmt::format(R"({}{}:{{"status":"{}","since":{},"detail":{}}})", out.size() > 1 ? "," : "",
                       core::json_string(component.name), to_string(component.condition.status), component.since,
                       core::json_string(component.condition.detail));
  return out + "}";
}

void Components::write(core::MetricsText& text) const {
  std::lock_guard lock(mutex_);
  text.family("tollgate_component_state", core::MetricKind::kGauge, "1 for the state that a part of the node is in.");
  for (const auto& component : components_)
    for (auto status : {Wellness::kOk, Wellness::kDegraded, Wellness::kAway})
      text.sample({{"component", component.name}, {"state", to_string(status)}},
                  component.condition.status == status ? 1 : 0);
}

}  // namespace tollgate::app
