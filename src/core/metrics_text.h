// What a scrape answers: Prometheus' text format, version 0.0.4.
#pragma once
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "core/metrics.h"

namespace tollgate::core {

enum class MetricKind { kCounter, kGauge, kHistogram };

using MetricLabels = std::initializer_list<std::pair<std::string_view, std::string_view>>;
// name="value",… with the escapes of the format; empty for no labels. Bytes that are no UTF-8 become U+FFFD.
std::string label_text(MetricLabels labels);

// Series of one family by their labels (label_text), added up as they are met. In the order of their labels.
using CounterSums = std::map<std::string, std::uint64_t, std::less<>>;
using HistogramSums = std::map<std::string, HistogramValue, std::less<>>;

// One family after the other, each once, with all of its series. One thread.
class MetricsText {
 public:
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  void family(std::string_view name, MetricKind kind, std::string_view help);
  // Of the family begun last.
  template <std::integral T>
  void sample(std::string_view labels, T value) {
    line("", labels, "", std::to_string(value));
  }
  void sample(std::string_view labels, double value);
  template <class T>
  void sample(MetricLabels labels, T value) {
    sample(std::string_view(label_text(labels)), value);
  }
  void histogram(std::string_view labels, const HistogramValue& value);

  // A whole family.
  template <class T>
  void gauge(std::string_view name, std::string_view help, T value) {
    family(name, MetricKind::kGauge, help);
    sample(std::string_view(), value);
  }
  void counter(std::string_view name, std::string_view help, std::uint64_t value);
  void counters(std::string_view name, std::string_view help, const CounterSums& sums);
  void histograms(std::string_view name, std::string_view help, const HistogramSums& sums);

  const std::string& text() const { return out_; }

 private:
  void line(std::string_view suffix, std::string_view labels, std::string_view bound, std::string_view value);
  std::string name_;
  std::string out_;
};

}  // namespace tollgate::core
