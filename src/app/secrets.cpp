#include "app/secrets.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/random.h"

namespace tollgate::app {

core::Result<std::string> own_session_secret(const std::string& data_dir) {
  auto path = (std::filesystem::path(data_dir) / "session_secret").string();
  if (std::ifstream in(path); in) {
    std::string secret;
    std::getline(in, secret);
    if (secret.size() >= 32) return secret;
  }
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
  std::vector<std::string> secrets{config.text("SESSION_SECRET")};
  for (std::string_view rest = config.text("SESSION_SECRET_PREVIOUS"); !rest.empty();) {
    auto bar = rest.find('|');
    if (bar != 0) secrets.emplace_back(rest.substr(0, bar));
    rest = bar == std::string_view::npos ? std::string_view() : rest.substr(bar + 1);
  }
  return secrets;
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
