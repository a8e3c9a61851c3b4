#include "cluster/fingerprint.h"

#include <openssl/evp.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "core/byte_text.h"

namespace tollgate::cluster {
namespace {

constexpr int kRounds = 200'000;
constexpr std::size_t kDigits = 12;
constexpr std::size_t kMost = 5;

std::string_view current(std::string_view list) { return list.substr(0, list.find(',')); }

bool accepts(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    auto one = current(list);
    if (one == wanted) return true;
    list.remove_prefix(std::min(list.size(), one.size() + 1));
  }
  return false;
}

// The row whose fingerprint is that of the majority; nullptr without rows that have one.
const NodeRow* model_node(const std::vector<const NodeRow*>& rows, std::string NodeRow::* field) {
  std::map<std::string_view, std::size_t> votes;
  for (const auto* row : rows) ++votes[current(row->*field)];
  const NodeRow* best = nullptr;
  auto rank = [&](const NodeRow& row) { return votes[current(row.*field)]; };
  for (const auto* row : rows) {
    if (!best || rank(*row) > rank(*best)) {
      best = row;
    } else if (rank(*row) == rank(*best)) {
      bool master = row->role == "master", other = best->role == "master";
      if (master != other ? master : row->started_at < best->started_at) best = row;
    }
  }
  return best;
}

}  // namespace

std::string fingerprint(std::string_view secret, std::string_view cluster_id) {
  unsigned char out[kDigits / 2];
  if (PKCS5_PBKDF2_HMAC(secret.data(), static_cast<int>(secret.size()),
                        reinterpret_cast<const unsigned char*>(cluster_id.data()), static_cast<int>(cluster_id.size()),
                        kRounds, EVP_sha256(), sizeof out, out) != 1)
    throw std::runtime_error("PBKDF2 failed");
  return core::hex_digits({reinterpret_cast<const char*>(out), sizeof out});
}

std::string fingerprints(const std::vector<std::string>& secrets, std::string_view cluster_id) {
  std::string text;
  for (std::size_t i = 0; i < std::min(secrets.size(), kMost); ++i)
    text += (i == 0 ? "" : ",") + fingerprint(secrets[i], cluster_id);
  return text;
}

std::vector<OddSecret> odd_secrets(const Nodes& nodes) {
  std::vector<OddSecret> odd;
  const std::pair<std::string NodeRow::*, std::string_view> kinds[] = {{&NodeRow::session_fp, "SESSION_SECRET"},
                                                                       {&NodeRow::crypto_fp, "CRYPTO_SECRET"}};
  for (auto [field, secret] : kinds) {
    std::vector<const NodeRow*> rows;
    for (const auto& row : nodes.rows)
      if (is_live(row, nodes.now) && !(row.*field).empty()) rows.push_back(&row);
    const auto* model = model_node(rows, field);
    for (const auto* row : rows) {
      bool understood = accepts(row->*field, current(model->*field)) && accepts(model->*field, current(row->*field));
      if (!understood) odd.push_back({row->node_id, row->name, secret});
    }
  }
  return odd;
}

std::vector<std::string> nodes_without(const Nodes& nodes, std::string_view fingerprint, bool session) {
  std::vector<std::string> names;
  for (const auto& row : nodes.rows)
    if (is_live(row, nodes.now) && !accepts(session ? row.session_fp : row.crypto_fp, fingerprint))
      names.push_back(row.name);
  return names;
}

}  // namespace tollgate::cluster
