// Secrets compared between nodes without being shown: fingerprints, and which node has another one than the rest.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "cluster/node_row.h"

namespace tollgate::cluster {

// The first 12 hex digits of PBKDF2-HMAC-SHA256 over 200 000 rounds, salted with the cluster's id: whoever reads the
// table learns nothing by it. Takes some 50 ms on purpose.
std::string fingerprint(std::string_view secret, std::string_view cluster_id);
// "current,previous,…" as the row holds them; at most five, so that they fit its column.
std::string fingerprints(const std::vector<std::string>& secrets, std::string_view cluster_id);

// A live node that does not share a secret with most of the others (ties: with the oldest master). Nodes in the middle
// of a rotation, where each accepts the other's, are no such.
struct OddSecret {
  std::string node_id;
  std::string name;
  std::string_view secret;  // SESSION_SECRET or CRYPTO_SECRET
};
std::vector<OddSecret> odd_secrets(const Nodes& nodes);

// Whether every live node accepts the secret with this fingerprint; the names of those that do not.
std::vector<std::string> nodes_without(const Nodes& nodes, std::string_view fingerprint, bool session);

}  // namespace tollgate::cluster
