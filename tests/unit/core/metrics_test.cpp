#include "core/metrics.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "core/metrics_text.h"

namespace tollgate::core {
namespace {

struct Name {
  std::string text;
  Name other() const { return {"other"}; }
  bool operator==(const Name&) const = default;
};
struct NameHash {
  std::size_t operator()(const Name& name) const { return std::hash<std::string>{}(name.text); }
};
using Table = SeriesTable<Name, Counter, NameHash>;

std::uint64_t value_of(const Table& table, std::string_view name) {
  std::uint64_t value = 0;
  table.each([&](const Name& key, const Counter& counter) {
    if (key.text == name) value = counter.value();
  });
  return value;
}

TEST(Metrics, AHistogramCountsAValueAtItsUpperBoundAndBelow) {
  Histogram histogram(kShortTimes);
  for (std::int64_t micros : {-3, 0, 50, 51, 2'000'000}) histogram.observe(micros);
  auto value = histogram.value();
  EXPECT_EQ(value.counts[0], 3U);
  EXPECT_EQ(value.counts[1], 1U);
  EXPECT_EQ(value.counts[kShortTimes.bounds.size()], 1U);
  EXPECT_EQ(value.count(), 5U);
  EXPECT_EQ(value.sum, 50U + 51 + 2'000'000);
}

TEST(Metrics, SeriesBeyondTheLimitAreOneAndNothingIsLost) {
  SeriesLimit limit(3);
  Table table(limit);
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 10; ++i) table.of(Name{"model-" + std::to_string(i)}).add();
  EXPECT_EQ(value_of(table, "model-2"), 2U);
  EXPECT_EQ(value_of(table, "model-3"), 0U);
  EXPECT_EQ(value_of(table, "other"), 14U);
}

TEST(Metrics, WorkersShareTheLimitAndAgreeOnTheSeries) {
  SeriesLimit limit(2);
  Table first(limit), second(limit);
  first.of(Name{"a"}).add();
  second.of(Name{"b"}).add();
  first.of(Name{"c"}).add();
  second.of(Name{"a"}).add();
  first.of(Name{"b"}).add();
  EXPECT_EQ(value_of(first, "other"), 1U);
  EXPECT_EQ(value_of(second, "a"), 1U);
  EXPECT_EQ(value_of(first, "b"), 1U);
}

TEST(Metrics, AScrapeReadsWhileTheOwnerCountsAndMakesSeries) {
  SeriesLimit limit(1000);
  Table table(limit);
  std::thread owner([&] {
    for (int i = 0; i < 20'000; ++i) table.of(Name{std::to_string(i % 500)}).add();
  });
  std::uint64_t seen = 0;
  for (int i = 0; i < 200; ++i) {
    std::uint64_t sum = 0;
    table.each([&](const Name&, const Counter& counter) { sum += counter.value(); });
    EXPECT_GE(sum, seen);
    seen = sum;
  }
  owner.join();
  std::uint64_t sum = 0;
  table.each([&](const Name&, const Counter& counter) { sum += counter.value(); });
  EXPECT_EQ(sum, 20'000U);
}

TEST(MetricsText, WritesFamiliesWithHelpTypeAndEscapedLabels) {
  MetricsText text;
  text.family("a_total", MetricKind::kCounter, "Line\nwith \\ in it.");
  text.sample({{"model", "a\"b\\c\nd"}, {"kind", "x"}}, 3);
  text.gauge("b", "A half.", 0.5);
  EXPECT_EQ(text.text(),
            "# HELP a_total Line\\nwith \\\\ in it.\n# TYPE a_total counter\n"
            "a_total{model=\"a\\\"b\\\\c\\nd\",kind=\"x\"} 3\n"
            "# HELP b A half.\n# TYPE b gauge\nb 0.5\n");
}

TEST(MetricsText, WritesHistogramsCumulativelyInSeconds) {
  Histogram histogram(kRates);
  for (std::int64_t value : {1, 2, 2, 5000}) histogram.observe(value);
  MetricsText text;
  text.histograms("h", "Help.", {{label_text({{"m", "x"}}), histogram.value()}});
  EXPECT_NE(text.text().find("h_bucket{m=\"x\",le=\"1\"} 1\nh_bucket{m=\"x\",le=\"2\"} 3\n"), std::string::npos);
  EXPECT_NE(text.text().find("h_bucket{m=\"x\",le=\"+Inf\"} 4\nh_sum{m=\"x\"} 5005\nh_count{m=\"x\"} 4\n"),
            std::string::npos);
  Histogram times(kRequestTimes);
  times.observe(7'000);
  MetricsText seconds;
  seconds.histograms("t", "Help.", {{"", times.value()}});
  EXPECT_NE(seconds.text().find("t_bucket{le=\"0.005\"} 0\nt_bucket{le=\"0.01\"} 1\n"), std::string::npos)
      << seconds.text();
  EXPECT_NE(seconds.text().find("t_sum 0.007\n"), std::string::npos) << seconds.text();
}

TEST(MetricsText, BytesThatAreNoTextBreakNoLine) {
  EXPECT_EQ(label_text({{"a", "x\xff"}}), "a=\"x\xef\xbf\xbd\"");
  EXPECT_EQ(label_text({{"a", "模型"}}), "a=\"模型\"");
}

}  // namespace
}  // namespace tollgate::core
