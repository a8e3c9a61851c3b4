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

}  // namespace tollgate::app
