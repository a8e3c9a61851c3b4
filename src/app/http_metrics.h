// Requests by route, method and status for /metrics, counted by each worker for itself. Health checks are not counted.
#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include "core/metrics.h"
#include "core/metrics_text.h"
#include "net/http_server.h"

namespace tollgate::app {

class HttpMetrics {
 public:
  HttpMetrics(std::size_t workers, std::size_t most_series);

  // On the worker of the exchange, once its handler has returned.
  void observe(const net::Exchange& exchange);
  void write(core::MetricsText& text) const;  // any thread

 private:
  struct Key {
    std::string_view route;  // of a table: told apart by its address
    int method = 0;
    int status = 0;
    Key other() const { return {"other", method, status}; }
    bool operator==(const Key& key) const {
      return route.data() == key.route.data() && method == key.method && status == key.status;
    }
  };
  struct Hash {
    std::size_t operator()(const Key& key) const {
      return reinterpret_cast<std::size_t>(key.route.data()) * 31 +
             static_cast<std::size_t>(key.method * 1000 + key.status);
    }
  };
  struct Series {
    core::Counter requests;
    core::Histogram duration{core::kRequestTimes};
  };
  core::SeriesLimit limit_;
  std::vector<std::unique_ptr<core::SeriesTable<Key, Series, Hash>>> workers_;
};

}  // namespace tollgate::app
