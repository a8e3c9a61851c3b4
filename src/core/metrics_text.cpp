#include "core/metrics_text.h"

#include <fmt/core.h>

#include <simdjson.h>

#include <cmath>

namespace tollgate::core {
namespace {

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  const bool is_text = simdjson::validate_utf8(text);
  for (char c : text) {
    if (!is_text && static_cast<unsigned char>(c) >= 0x80)
      out += "\xef\xbf\xbd";
    else if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '"' && quotes)
      out += "\\\"";
    else
      out += c;
  }
}

}  // namespace

std::string label_text(MetricLabels labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (!out.empty()) out += ',';
    out.append(name).append("=\"");
    append_escaped(out, value, true);
    out += '"';
  }
  return out;
}

void MetricsText::line(std::string_view suffix, std::string_view labels, std::string_view bound,
                       std::string_view value) {
  out_.append(name_).append(suffix);
  if (!labels.empty() || !bound.empty()) {
    out_.append("{").append(labels);
    if (!bound.empty()) out_.append(labels.empty() ? "" : ",").append("le=\"").append(bound).append("\"");
    out_ += '}';
  }
  out_.append(" ").append(value).append("\n");
}

void MetricsText::family(std::string_view name, MetricKind kind, std::string_view help) {
  name_ = name;
  out_.append("# HELP ").append(name).append(" ");
  append_escaped(out_, help, false);
  out_.append("\n# TYPE ").append(name);
  out_ += kind == MetricKind::kCounter ? " counter\n" : kind == MetricKind::kGauge ? " gauge\n" : " histogram\n";
}

void MetricsText::sample(std::string_view labels, double value) { line("", labels, "", number(value)); }

void MetricsText::histogram(std::string_view labels, const HistogramValue& value) {
  std::uint64_t below = 0;
  const auto bounds = value.buckets->bounds;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    below += value.counts[i];
    line("_bucket", labels, number(static_cast<double>(bounds[i]) / value.buckets->per_unit), std::to_string(below));
  }
  // The same figure twice: a count read later than the buckets would contradict them.
  auto count = std::to_string(value.count());
  line("_bucket", labels, "+Inf", count);
  line("_sum", labels, "", number(static_cast<double>(value.sum) / value.buckets->per_unit));
  line("_count", labels, "", count);
}

void MetricsText::counter(std::string_view name, std::string_view help, std::uint64_t value) {
  family(name, MetricKind::kCounter, help);
  sample(std::string_view(), value);
}

void MetricsText::counters(std::string_view name, std::string_view help, const CounterSums& sums) {
  family(name, MetricKind::kCounter, help);
  for (const auto& [labels, value] : sums) sample(std::string_view(labels), value);
}

void MetricsText::histograms(std::string_view name, std::string_view help, const HistogramSums& sums) {
  family(name, MetricKind::kHistogram, help);
  for (const auto& [labels, value] : sums) histogram(labels, value);
}

}  // namespace tollgate::core
