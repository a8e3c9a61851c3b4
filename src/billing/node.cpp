#include "billing/node.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/random.h"

namespace tollgate::billing {
namespace {

core::Error failed(const std::string& path, const char* what) {
  return core::error(core::Errc::kUnavailable, std::string("cannot ") + what + " " + path);
}

core::Result<void> write_whole(const std::string& path, std::string_view text) {
  auto fresh = path + ".new";
  int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return failed(fresh, "write");
  bool ok = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  ::close(fd);
  if (!ok || std::rename(fresh.c_str(), path.c_str()) != 0) return failed(path, "write");
  return {};
}

}  // namespace

core::Result<Node> read_node(const std::string& directory) {
  auto path = directory + "/node.json";
  std::ifstream file(path);
  if (!file) return core::error(core::Errc::kNotFound, "there is no " + path);
  std::stringstream text;
  text << file.rdbuf();
  boost::json::error_code bad;
  auto value = boost::json::parse(text.str(), bad);
  const auto* object = bad ? nullptr : value.if_object();
  const auto* id = object ? object->if_contains("id") : nullptr;
  const auto* incarnation = object ? object->if_contains("incarnation") : nullptr;
  // A new id would leave the old one's slices and charges behind: people must decide.
  if (!id || !id->is_string() || id->get_string().empty() || !incarnation || !incarnation->is_int64())
    return core::error(core::Errc::kInvalid, path + " is not readable as a node's identity");
  return Node{.id = std::string(id->get_string()), .incarnation = incarnation->get_int64()};
}

core::Result<Node> open_node(const std::string& directory) {
  std::error_code ignored;
  std::filesystem::create_directories(directory, ignored);
  auto read = read_node(directory);
  if (!read && read.error().code != core::Errc::kNotFound) return read.error();
  auto node = read ? std::move(*read) : Node{.id = core::random_uuid()};
  ++node.incarnation;
  boost::json::object out{{"id", node.id}, {"incarnation", node.incarnation}};
  if (auto written = write_whole(directory + "/node.json", boost::json::serialize(out) + "\n"); !written)
    return written.error();
  return node;
}

}  // namespace tollgate::billing
