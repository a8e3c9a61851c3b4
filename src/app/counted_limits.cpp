#include "app/counted_limits.h"

#include <iterator>

namespace tollgate::app {
namespace {

// Keys begin with the mark of their limit; the longer mark first.
struct Mark {
  std::string_view mark, name;
};
constexpr Mark kMarks[] = {{"MRRLS", "model_success"},
                           {"MRRL", "model_total"},
                           {"GA", "GA"},
                           {"GW", "GW"},
                           {"CT", "CT"},
                           {"SR", "SR"},
                           {"", "other"}};

std::size_t mark_of(std::string_view key) {
  std::size_t at = 0;
  while (!key.starts_with(kMarks[at].mark)) ++at;
  return at;
}

}  // namespace

void CountedLimits::ask(core::RateStep step, std::string_view key, core::RateRule rule, Done done) {
  auto& counts = refused_[mark_of(key)];
  limits_.ask(step, key, rule, [this, &counts, done = std::move(done)](core::RateAnswer answer) {
    if (!answer.allowed) counts[backend_()].add_shared();
    done(answer);
  });
}

void CountedLimits::write(core::MetricsText& text) const {
  constexpr std::string_view kBackends[] = {"local", "redis"};
  core::CounterSums sums;
  for (std::size_t i = 0; i < refused_.size(); ++i)
    for (std::size_t backend = 0; backend < 2; ++backend)
      if (auto count = refused_[i][backend].value())
        sums[core::label_text({{"limit", kMarks[i].name}, {"backend", kBackends[backend]}})] = count;
  text.counters("tollgate_limited_total", "Requests refused by a request limit.", sums);
}

}  // namespace tollgate::app
