#include "relay/affinity_store.h"

#include <fmt/core.h>

namespace tollgate::relay {
namespace {

std::string usage_key(std::string_view rule, std::string_view group, std::string_view fingerprint) {
  return fmt::format("{}\n{}\n{}", rule, group, fingerprint);
}

}  // namespace

void AffinityUsages::add(std::string_view rule, std::string_view group, std::string_view fingerprint,
                         const billing::Usage& usage, std::chrono::seconds life, std::size_t most) {
  auto now = clock_.steady();
  usages_.update(usage_key(rule, group, fingerprint), now, now + life, most, [&](AffinityUsage& sum) {
    ++sum.total;
    if (usage.cached_tokens > 0) ++sum.hit;
    sum.window_seconds = life.count();
    sum.prompt_tokens += usage.prompt_tokens;
    sum.completion_tokens += usage.completion_tokens;
    sum.total_tokens += usage.total_tokens;
    sum.cached_tokens += usage.cached_tokens;
    sum.last_seen_at = clock_.unix_seconds();
  });
}

std::optional<AffinityUsage> AffinityUsages::find(std::string_view rule, std::string_view group,
                                                  std::string_view fingerprint) {
  return usages_.find(usage_key(rule, group, fingerprint), clock_.steady());
}

}  // namespace tollgate::relay
