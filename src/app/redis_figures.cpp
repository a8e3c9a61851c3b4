#include "app/redis_figures.h"

#include <algorithm>

namespace tollgate::app {

void write_redis_metrics(const redis::Client& client, core::MetricsText& text) {
  const auto state = client.state();
  text.family("tollgate_redis_state", core::MetricKind::kGauge, "1 for how Redis is met.");
  text.sample({{"state", "ok"}}, state.connected ? 1 : 0);
  text.sample({{"state", "away"}}, state.connected ? 0 : 1);
  const auto bad = std::min(state.commands, state.failed + state.timed_out);
  text.counters("tollgate_redis_commands_total", "Commands by their result.",
                {{core::label_text({{"result", "ok"}}), state.commands - bad},
                 {core::label_text({{"result", "error"}}), state.failed},
                 {core::label_text({{"result", "timeout"}}), state.timed_out}});
  text.counter("tollgate_redis_connects_total", "Connections for commands that were made.", state.connects);
}

void add_redis_component(Components& components, const redis::Client& client) {
  components.add("redis", [&client]() -> Condition {
    const auto state = client.state();
    if (state.connected) return {};
    return {Wellness::kAway, (state.error.empty() ? "no answer" : state.error) +
                                 "; limits are counted on this node, changes are found by polling"};
  });
}

}  // namespace tollgate::app
