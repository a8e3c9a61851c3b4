// What a node knows of its cluster, for /metrics and as parts of /-/health.
#pragma once
#include "app/cluster_node.h"
#include "app/components.h"
#include "core/metrics_text.h"

namespace tollgate::app {

void write_cluster_metrics(ClusterNode& cluster, core::MetricsText& text);

// clock, secrets, peers; with `redis` pubsub as well. The cluster outlives the components.
void add_cluster_components(Components& components, ClusterNode& cluster, bool redis);

}  // namespace tollgate::app
