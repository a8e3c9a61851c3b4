// S-01 … S-04: the secrets, compared by their fingerprints.
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "cluster/fingerprint.h"
#include "doctor/doctor.h"
#include "doctor/nodes.h"

namespace tollgate::doctor {
namespace {

constexpr std::size_t kShort = 16;

// What guides and examples say where a secret is to stand.
bool is_example(std::string_view secret) {
  constexpr std::array<std::string_view, 8> kExamples{
      "random_string",  "your_unified_session_secret", "changeme",          "change-me", "secret",
      "session_secret", "your_session_secret",         "your_crypto_secret"};
  return std::ranges::find(kExamples, secret) != kExamples.end() || secret.starts_with("your_") ||
         secret.starts_with("your-");
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= list.size();) {
    auto comma = std::min(list.find(',', at), list.size());
    if (comma > at) parts.push_back(list.substr(at, comma - at));
    at = comma + 1;
  }
  return parts;
}

void check_strength(Patient& patient) {
  auto& report = patient.report;
  const auto& config = patient.setting.config;
  const bool several = patient.cluster && live_nodes(*patient.cluster).size() > 1;
  const auto& secret = config.text("SESSION_SECRET");
  if (secret.empty() && (several || !patient.master()))
    return report.fail("S-01", "SESSION_SECRET", "it is not set: each node makes one of its own",
                       "a log-in at one node is unknown to the others: users are logged out at random",
                       "set the same SESSION_SECRET on every node: openssl rand -hex 32");
  if (!secret.empty() && (is_example(secret) || secret.size() < kShort))
    return report.warn("S-01", "SESSION_SECRET", is_example(secret) ? "it is the value of an example" : "it is short",
                       "whoever guesses it makes cookies for any user", "openssl rand -hex 32, on every node at once");
  report.pass("S-01", "SESSION_SECRET", secret.empty() ? "made by this node, which is alone" : "set");
}

// This node's secret beside those of the rows, and the rows beside each other.
void check_equal(Patient& patient, std::string_view id, std::string_view name, bool session) {
  auto& report = patient.report;
  const auto& view = *patient.cluster;
  const auto& mine = session ? patient.setting.session_secrets : patient.setting.crypto_secrets;
  const auto nodes = live_nodes(view);
  if (nodes.empty()) return report.skip(id, name, "no live node to compare with");
  if (mine.empty() || mine.front().empty())
    return report.skip(id, name, "the node made its own, and its data directory is not this one");
  const auto here = cluster::fingerprint(mine.front(), view.cluster_id);
  std::string odd;
  for (const auto& one : cluster::odd_secrets(view.nodes))
    if (one.secret == name) odd += (odd.empty() ? "" : ", ") + one.name;
  std::string others;
  for (const auto* row : nodes) {
    const auto accepted = split(session ? row->session_fp : row->crypto_fp);
    if (!accepted.empty() && std::ranges::find(accepted, here) == accepted.end())
      others += fmt::format("{}{} has {}", others.empty() ? "" : ", ", row->name, short_id(accepted.front()));
  }
  const auto cause = session ? "log-ins made at one of them are not known at the other: users are logged out at random"
                             : "what one node keeps in Redis under a key's name the other does not find";
  if (!odd.empty())
    return report.fail(id, name, fmt::format("{} of node {} differs from that of the other nodes", name, odd), cause,
                       fmt::format("copy {} of the other nodes to {} and restart it", name, odd));
  if (!others.empty())
    return report.fail(id, name, fmt::format("here {}; {}", short_id(here), others), cause,
                       fmt::format("give this node the {} of the others", name));
  report.pass(id, name, fmt::format("{} on all {} live node(s) and here", short_id(here), nodes.size()));
}

void check_previous(Patient& patient) {
  auto& report = patient.report;
  std::string missing;
  for (bool session : {true, false}) {
    const auto& secrets = session ? patient.setting.session_secrets : patient.setting.crypto_secrets;
    for (std::size_t i = 1; i < secrets.size() && i < 5; ++i)
      for (const auto& name : cluster::nodes_without(
               patient.cluster->nodes, cluster::fingerprint(secrets[i], patient.cluster->cluster_id), session))
        missing +=
            fmt::format("{}{} ({})", missing.empty() ? "" : ", ", name, session ? "SESSION_SECRET" : "CRYPTO_SECRET");
  }
  if (missing.empty()) return report.pass("S-04", "older secrets", "those accepted here are accepted everywhere");
  report.warn("S-04", "older secrets", "not accepted by " + missing, "a rotation is under way, or was left half done",
              "set the same SESSION_SECRET_PREVIOUS and CRYPTO_SECRET_PREVIOUS on every node");
}

}  // namespace

void check_secrets(Patient& patient) {
  check_strength(patient);
  if (!patient.cluster) {
    for (auto id : {"S-02", "S-03", "S-04"}) patient.report.skip(id, "secrets", "the registry cannot be read");
    return;
  }
  check_equal(patient, "S-02", "SESSION_SECRET", true);
  check_equal(patient, "S-03", "CRYPTO_SECRET", false);
  check_previous(patient);
}

}  // namespace tollgate::doctor
