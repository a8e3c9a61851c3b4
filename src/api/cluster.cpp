// The nodes of the cluster: shown, drained, resumed and forgotten. For root and for operators, with the statuses of
// HTTP and a stable `code` beside the message.
#include "api/database.h"
#include "api/handlers.h"

namespace tollgate::api {
namespace {

constexpr std::int64_t kDrainSeconds = 120, kMostSeconds = 86'400, kStepDownSeconds = 60;

Response trouble(int status, std::string_view code, std::string_view message) {
  json::object body;
  body.emplace("success", false);
  body.emplace("message", json::string_view(message.data(), message.size()));
  body.emplace("code", json::string_view(code.data(), code.size()));
  return json_response(status, body);
}

Response trouble(const core::Error& error) {
  switch (error.code) {
    case core::Errc::kNotFound: return trouble(404, "not_found", error.message);
    case core::Errc::kConflict: return trouble(409, "conflict", error.message);
    case core::Errc::kInvalid: return trouble(422, "invalid", error.message);
    default: return trouble(503, "unavailable", error.message);
  }
}

Response no_cluster() { return trouble(404, "not_found", "this program runs without a cluster"); }

Response shown(core::Result<json::object> found) {
  return found ? ok(json::value(std::move(*found))) : trouble(found.error());
}

Response wish(Context& c, NodeWish wanted, std::int64_t seconds) {
  if (!c.services.cluster.wish) return no_cluster();
  auto done = c.services.cluster.wish(c.parameter, wanted, seconds);
  return done ? ok() : trouble(done.error());
}

}  // namespace

Response show_cluster(Context& c) { return c.services.cluster.all ? shown(c.services.cluster.all()) : no_cluster(); }

Response show_node(Context& c) {
  return c.services.cluster.node ? shown(c.services.cluster.node(c.parameter)) : no_cluster();
}

Response drain_node(Context& c) {
  std::int64_t seconds = kDrainSeconds;
  if (!c.request.body.empty()) {
    auto fields = Fields::parse(c.request.body);
    if (!fields || !fields->get("deadline_s", seconds).ok() || seconds < 0 || seconds > kMostSeconds)
      return trouble(422, "invalid", "deadline_s is a number of seconds, 86400 at most");
  }
  return wish(c, NodeWish::kDrain, seconds);
}

Response resume_node(Context& c) { return wish(c, NodeWish::kResume, 0); }
Response step_down_node(Context& c) { return wish(c, NodeWish::kStepDown, kStepDownSeconds); }
Response forget_node(Context& c) { return wish(c, NodeWish::kForget, 0); }

}  // namespace tollgate::api
