#include "app/cross_origin.h"

namespace tollgate::app {

bool open_to_other_sites(std::string_view path) {
  if (path == "/pg" || path.starts_with("/pg/")) return false;
  if (path != "/api" && !path.starts_with("/api/")) return true;
  if (path.ends_with('/')) path.remove_suffix(1);
  return path == "/api/usage/token" || path == "/api/log/token";
}

bool is_cross_origin(const net::RequestHead& head) {
  auto origin = head.headers.find("origin");
  if (!origin || origin->empty()) return false;
  auto host = head.headers.find("host").value_or("");
  for (std::string_view scheme : {"http://", "https://"})
    if (origin->starts_with(scheme) && origin->substr(scheme.size()) == host) return false;
  return true;
}

net::awaitable<void> answer_preflight(net::Exchange& exchange) {
  static constexpr net::Header kHeaders[] = {{"Access-Control-Allow-Methods", "GET,POST,PUT,DELETE,OPTIONS"},
                                             {"Access-Control-Allow-Headers", "*"},
                                             {"Access-Control-Max-Age", "43200"}};
  co_await exchange.answer(204, kHeaders, {});
}

}  // namespace tollgate::app
