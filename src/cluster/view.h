// The cluster as people see it: what stands in SQL about nodes, leases and versions. One reading for the management API
// and for `tollgate cluster …`, which needs no running node.
#pragma once
#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/node_row.h"
#include "cluster/registry.h"
#include "core/result.h"
#include "model/version.h"
#include "sql/connection.h"

namespace tollgate::cluster {

struct LeaseRow {
  std::string name, holder;
  std::int64_t token = 0, acquired_at = 0, expires_at = 0;
};

struct View {
  std::string cluster_id;
  Nodes nodes;  // with their info
  std::vector<LeaseRow> leases;
  std::vector<model::Version> versions;
  std::map<std::string, std::int64_t> marks;  // node → the journal record up to which everything of it is in SQL
};
// Journal records of a node that is gone which no consumer has seen: they lie on its disk (tollgate journal replay).
std::int64_t missing_records(const View& view, const NodeRow& row);
sql::Result<View> read_view(sql::Connection& db);

bool is_held(const LeaseRow& lease, std::int64_t now);
std::string name_of(const Nodes& nodes, std::string_view node_id);  // the id where there is no such row

// As GET /api/tollgate/cluster answers it. Times are unix seconds. `self` is the node that answers.
boost::json::object to_json(const View& view, std::string_view self, const std::vector<Warning>& warnings);
boost::json::object to_json(const View& view, const NodeRow& row, std::string_view self);

// What people want of a node, by its id or its name. The node reads it with its next heartbeat.
enum class Wish { kDrain, kResume, kStepDown };
core::Result<NodeRow> wish(sql::Connection& db, std::string_view node, Wish wanted, std::int64_t seconds);
// Takes a node that is lost or has left out of the registry, and gives back the slices that waited for its journal.
// kConflict: it lives.
core::Result<NodeRow> forget_node(sql::Connection& db, std::string_view node);

}  // namespace tollgate::cluster
