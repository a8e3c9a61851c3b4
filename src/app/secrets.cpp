#include "app/secrets.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/random.h"

namespace tollgate::app {

namespace {

std::string path_in(const std::string& data_dir) {
  return (std::filesystem::path(data_dir) / "session_secret").string();
}

// The first, and behind it those that older ones name, separated by '|'.
std::vector<std::string> with_older(std::string first, std::string_view older) {
  std::vector<std::string> secrets{std::move(first)};
  while (!older.empty()) {
    auto bar = older.find('|');
    if (bar != 0) secrets.emplace_back(older.substr(0, bar));
    older = bar == std::string_view::npos ? std::string_view() : older.substr(bar + 1);
  }
  return secrets;
}

}  // namespace

std::string kept_session_secret(const std::string& data_dir) {
  std::ifstream in(path_in(data_dir));
  std::string secret;
  std::getline(in, secret);
  return secret.size() >= 32 ? secret : std::string();
}

core::Result<std::string> own_session_secret(const std::string& data_dir) {
  if (auto kept = kept_session_secret(data_dir); !kept.empty()) return kept;
  auto path = path_in(data_dir);
  auto secret = core::random_alphanumeric(64);
  int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return core::error(core::Errc::kUnavailable, path + ": " + std::strerror(errno));
  auto text = secret + "\n";
  bool written = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
  ::close(file);
  if (!written) return core::error(core::Errc::kUnavailable, path + ": " + std::strerror(errno));
  return secret;
}

std::vector<std::string> given_session_secrets(const core::Config& config) {
  return with_older(config.text("SESSION_SECRET"), config.text("SESSION_SECRET_PREVIOUS"));
}

std::vector<std::string> crypto_secrets(const core::Config& config, const std::string& session_secret) {
  const auto& given = config.text("CRYPTO_SECRET");
  return with_older(given.empty() ? session_secret : given, config.text("CRYPTO_SECRET_PREVIOUS"));
}

std::vector<std::string> LiveSecrets::now() const {
  std::lock_guard lock(mutex_);
  return secrets_;
}

void LiveSecrets::replace(std::vector<std::string> secrets) {
  std::lock_guard lock(mutex_);
  if (secrets.front().empty()) secrets.front() = secrets_.front();
  secrets_ = std::move(secrets);
}

}  // namespace tollgate::app
