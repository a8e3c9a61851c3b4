// Secrets of sessions: given, made by the program itself when the operator gave none, and replaced while it runs.
#pragma once
#include <mutex>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/result.h"

namespace tollgate::app {

// The content of <data_dir>/session_secret, made (readable by the owner only) when it is missing.
core::Result<std::string> own_session_secret(const std::string& data_dir);

// The same where it is there already; empty otherwise. For commands that run beside a node.
std::string kept_session_secret(const std::string& data_dir);

// CRYPTO_SECRET and those of CRYPTO_SECRET_PREVIOUS; that of sessions stands in where the first is not set.
std::vector<std::string> crypto_secrets(const core::Config& config, const std::string& session_secret);

// SESSION_SECRET (may be empty) and behind it those of SESSION_SECRET_PREVIOUS.
std::vector<std::string> given_session_secrets(const core::Config& config);

// The session secrets in force; from any thread.
class LiveSecrets {
 public:
  explicit LiveSecrets(std::vector<std::string> secrets) : secrets_(std::move(secrets)) {}
  std::vector<std::string> now() const;
  // A first one that is empty (not given) stays as it is.
  void replace(std::vector<std::string> secrets);

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> secrets_;
};

}  // namespace tollgate::app
