// How a node stands with Redis, for /metrics and as a part of /-/health.
#pragma once
#include "app/components.h"
#include "core/metrics_text.h"
#include "redis/client.h"

namespace tollgate::app {

// The client outlives the components.
void write_redis_metrics(const redis::Client& client, core::MetricsText& text);
void add_redis_component(Components& components, const redis::Client& client);

}  // namespace tollgate::app
