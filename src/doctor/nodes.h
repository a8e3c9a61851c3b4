// Rows of the registry, as several checks read them.
#pragma once
#include <boost/json.hpp>
#include <string>
#include <vector>

#include "cluster/view.h"

namespace tollgate::doctor {

inline std::vector<const cluster::NodeRow*> live_nodes(const cluster::View& view) {
  std::vector<const cluster::NodeRow*> nodes;
  for (const auto& row : view.nodes.rows)
    if (cluster::is_live(row, view.nodes.now)) nodes.push_back(&row);
  return nodes;
}

inline boost::json::object info_of(const cluster::NodeRow& row) {
  boost::system::error_code failed;
  auto value = boost::json::parse(row.info, failed);
  return !failed && value.is_object() ? value.get_object() : boost::json::object();
}

// 0 when there is no such number.
inline double number_in(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_number() ? value->to_number<double>() : 0;
}

// Of ids and fingerprints: as much as people compare.
inline std::string short_id(std::string_view id) { return std::string(id.substr(0, 8)); }

}  // namespace tollgate::doctor
