#include "app/node_name.h"

#include <unistd.h>

namespace tollgate::app {

std::string node_name(const core::Config& config) {
  for (const char* name : {"TOLLGATE_NODE_NAME", "HOSTNAME"})
    if (const auto& text = config.text(name); !text.empty()) return text.substr(0, 64);
  char host[65] = "";
  ::gethostname(host, sizeof host - 1);
  return host;
}

std::string printable_node_name(const core::Config& config) {
  auto name = node_name(config);
  for (char& c : name)
    if (c < 0x20 || c > 0x7e) c = '?';
  return name;
}

}  // namespace tollgate::app
