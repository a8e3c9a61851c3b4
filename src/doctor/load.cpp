// L-01: do the nodes share the work as their weights say.
#include <fmt/core.h>

#include <algorithm>

#include "doctor/doctor.h"
#include "doctor/nodes.h"

namespace tollgate::doctor {
namespace {

constexpr double kMinimum = 100;  // requests, below which a share means nothing

struct Share {
  std::string name;
  double requests = 0;  // a minute since its start
  double weight = 1;
  double cores = 1;
};

}  // namespace

void check_load(Patient& patient) {
  auto& report = patient.report;
  if (!patient.cluster) return report.skip("L-01", "share of requests", "the registry cannot be read");
  std::vector<Share> shares;
  double taken = 0, rate = 0, weights = 0, cores = 0;
  for (const auto* row : live_nodes(*patient.cluster)) {
    const auto info = info_of(*row);
    const auto minutes = std::max(1.0, static_cast<double>(patient.cluster->nodes.now - row->started_at) / 60'000);
    Share share{row->name, number_in(info, "requests_taken") / minutes,
                row->weight > 0 ? static_cast<double>(row->weight) : 1, std::max(1.0, number_in(info, "cores"))};
    taken += number_in(info, "requests_taken");
    rate += share.requests;
    weights += share.weight;
    cores += share.cores;
    shares.push_back(std::move(share));
  }
  if (shares.size() < 2 || taken < kMinimum)
    return report.skip("L-01", "share of requests", "fewer than two nodes, or too few requests to tell");
  std::string evidence, suggestion;
  bool lopsided = false;
  for (const auto& share : shares) {
    const auto part = share.requests / rate, due = share.weight / weights;
    lopsided = lopsided || part > due * 2 || part < due / 2;
    evidence +=
        fmt::format("{}{} {:.0f} % (weight {:.0f} %)", evidence.empty() ? "" : ", ", share.name, part * 100, due * 100);
    suggestion += fmt::format("{}{} weight={:.0f}", suggestion.empty() ? "" : ", ", share.name,
                              std::max(1.0, share.cores / cores * 10));
  }
  if (lopsided)
    report.warn("L-01", "share of requests", evidence, "the balancer sends some nodes more than their share",
                "check the upstream block; by their processors: " + suggestion);
  else
    report.pass("L-01", "share of requests", evidence);
}

}  // namespace tollgate::doctor
