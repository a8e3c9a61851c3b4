#include "app/http_metrics.h"

#include <chrono>
#include <iterator>
#include <string>

#include "net/worker.h"

namespace tollgate::app {
namespace {

constexpr std::string_view kMethods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"};

int method_of(std::string_view method) {
  constexpr int kOther = static_cast<int>(std::size(kMethods)) - 1;
  int at = 0;
  while (at < kOther && kMethods[at] != method) ++at;
  return at;
}

}  // namespace

HttpMetrics::HttpMetrics(std::size_t workers, std::size_t most_series) : limit_(most_series) {
  for (std::size_t i = 0; i < workers; ++i)
    workers_.push_back(std::make_unique<core::SeriesTable<Key, Series, Hash>>(limit_));
}

void HttpMetrics::observe(const net::Exchange& exchange) {
  if (exchange.route().empty()) return;
  // A client that left before anything was answered has no status.
  auto& series = workers_[static_cast<std::size_t>(exchange.worker().index())]->of(
      Key{exchange.route(), method_of(exchange.head().method), exchange.status() == 0 ? 499 : exchange.status()});
  series.requests.add();
  series.duration.observe(
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - exchange.began())
          .count());
}

void HttpMetrics::write(core::MetricsText& text) const {
  core::CounterSums requests;
  core::HistogramSums durations;
  for (const auto& worker : workers_)
    worker->each([&](const Key& key, const Series& series) {
      auto value = series.duration.value();
      requests[core::label_text(
          {{"route", key.route}, {"method", kMethods[key.method]}, {"code", std::to_string(key.status)}})] +=
          series.requests.value();
      durations[core::label_text({{"route", key.route}})] += value;
    });
  text.counters("tollgate_http_requests_total", "Requests by route, method and status; 499: the client left.",
                requests);
  text.histograms("tollgate_http_request_duration_seconds", "From a request's head to the end of its answer.",
                  durations);
}

}  // namespace tollgate::app
