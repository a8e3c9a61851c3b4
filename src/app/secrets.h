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
