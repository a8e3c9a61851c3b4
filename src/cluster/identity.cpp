#include "cluster/identity.h"

#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cluster/node_row.h"
#include "core/log.h"

namespace tollgate::cluster {
namespace {

namespace fs = std::filesystem;

// A process that lives writes its row within this long.
constexpr std::int64_t kWatchMs = 12'000;

std::string stored_id(const std::string& directory) {
  std::ifstream file(directory + "/node.json");
  std::stringstream text;
  text << file.rdbuf();
  boost::system::error_code bad;
  auto value = boost::json::parse(text.str(), bad);
  if (bad || !value.is_object()) return {};
  for (const char* name : {"node_id", "id"})
    if (const auto* id = value.get_object().if_contains(name); id && id->is_string())
      return std::string(id->get_string());
  return {};
}

bool is_here(const NodeRow& row, const Place& here) {
  boost::system::error_code bad;
  auto info = boost::json::parse(row.info.empty() ? "{}" : row.info, bad);
  std::string boot;
  if (!bad && info.is_object())
    if (const auto* value = info.get_object().if_contains("boot"); value && value->is_string())
      boot = std::string(value->get_string());
  return row.advertise == here.address && (boot.empty() || boot == here.boot);
}

void set_aside(const std::string& directory) {
  const auto time =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  std::error_code ignored;
  for (const char* end : {"", "-wal", "-shm"}) {
    auto file = directory + "/journal.db" + end;
    if (fs::exists(file, ignored))
      fs::rename(file, directory + "/journal.foreign-" + std::to_string(time.count()) + ".db" + end, ignored);
  }
  fs::rename(directory + "/node.json", directory + "/node.foreign-" + std::to_string(time.count()) + ".json", ignored);
}

}  // namespace

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

sql::Result<bool> drop_copied_identity(const std::string& directory, const Place& here, sql::Pool& pool,
                                       const std::function<bool()>& wait) {
  const auto id = stored_id(directory);
  if (id.empty()) return false;
  std::int64_t first_beat = 0;
  for (;;) {
    {
      auto lease = pool.lease();
      if (!lease) return lease.error();
      auto nodes = read_nodes(**lease, true);
      if (!nodes) return nodes.error();
      const auto* row = nodes->find(id);
      if (!row || !is_live(*row, nodes->now) || is_here(*row, here)) return false;
      if (first_beat == 0) {
        first_beat = row->heartbeat_at;
        core::log::info("node {} was alive at {} a moment ago: watching whether it still is", id, row->advertise);
      }
      if (row->heartbeat_at > first_beat) {
        core::log::warn(
            "node {} lives at {}: this data directory is a copy of its own; the copied journal is set "
            "aside and this node takes a new id",
            id, row->advertise);
        set_aside(directory);
        return true;
      }
      if (nodes->now - row->heartbeat_at > kWatchMs) return false;
    }
    if (!wait()) return false;
  }
}

}  // namespace tollgate::cluster
