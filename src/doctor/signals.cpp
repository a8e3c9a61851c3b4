// R-PUBSUB at the nodes: whether each of them hears the others, by its own word and, with --sync, by a change that all
// have to see.
#include <fmt/core.h>

#include <chrono>

#include "doctor/doctor.h"
#include "doctor/http.h"
#include "doctor/nodes.h"
#include "doctor/visitor.h"

namespace tollgate::doctor {
namespace {

constexpr auto kId = "R-PUBSUB";

// A harmless option is saved at one node, whose answer waits for all of them.
void probe(Patient& patient) {
  auto& report = patient.report;
  const auto who = visitor(patient);
  const cluster::NodeRow* at = nullptr;
  for (const auto* row : live_nodes(*patient.cluster))
    if (!row->advertise.empty()) at = row;
  if (!who || !at)
    return report.skip(kId, "a change goes round", "needs SESSION_SECRET, an administrator and a live node");
  auto headers = who->headers;
  headers.push_back("Content-Type: application/json");
  headers.push_back("X-Tollgate-Wait: all");
  const auto began = std::chrono::steady_clock::now();
  const auto answer =
      call({.url = without_slash(at->advertise) + "/api/option/",
            .headers = headers,
            .body = fmt::format(R"({{"key":"tg.probe","value":"{}"}})", began.time_since_epoch().count()),
            .method = "PUT",
            .limit = std::chrono::seconds(15)});
  const auto ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
  const auto seen = answer.header("x-tollgate-seen");
  if (!succeeded(answer) || seen.empty())
    return report.skip(kId, "a change goes round",
                       fmt::format("{} does not take the change: status {}", at->name, answer.status));
  const auto of = seen.find(" of ");
  const bool all = of != std::string::npos && seen.substr(0, of) == seen.substr(of + 4);
  const auto evidence = fmt::format("saved at {}, in force on {} nodes after {:.0f} ms", at->name, seen, ms);
  if (all)
    report.pass(kId, "a change goes round", evidence);
  else if (patient.setting.redis && patient.setting.redis->address.endpoints.empty())
    report.skip(kId, "a change goes round", evidence + "; without Redis the rest see it within SYNC_FREQUENCY");
  else
    report.fail(kId, "a change goes round", evidence, "some nodes see changes after SYNC_FREQUENCY only",
                "look at the findings above, and at the log of the nodes that are behind");
}

}  // namespace

void check_signals(Patient& patient) {
  auto& report = patient.report;
  if (!patient.cluster || live_nodes(*patient.cluster).size() < 2) return;
  const auto& redis = patient.setting.redis;
  if (redis && !redis->address.endpoints.empty()) {
    std::string deaf;
    for (const auto* row : live_nodes(*patient.cluster)) {
      const auto info = info_of(*row);
      const auto* hears = info.if_contains("signals");
      if (hears && hears->is_bool() && !hears->get_bool()) deaf += (deaf.empty() ? "" : ", ") + row->name;
    }
    if (deaf.empty())
      report.pass(kId, "nodes hear signals", "all live nodes");
    else
      report.fail(kId, "nodes hear signals", deaf + " hears none",
                  "there polling works, publish/subscribe does not: changes take up to SYNC_FREQUENCY",
                  "check REDIS_CONN_STRING, the ACL (&* +subscribe) and what stands between " + deaf + " and Redis");
  }
  if (patient.setting.asked.sync) probe(patient);
}

}  // namespace tollgate::doctor
