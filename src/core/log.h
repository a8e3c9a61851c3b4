// The server's log. Lines go to standard output and, when a directory is set, to rotated files there.
// Never log a body, a key or an Authorization header; SQL and upstream messages go through core/mask.h first.
#pragma once
#include <fmt/core.h>

#include <string>
#include <string_view>

namespace tollgate::core::log {

enum class Level { kDebug, kInfo, kWarn, kError };

struct Settings {
  std::string directory;  // empty: no files
  std::string file_name = "tollgate";
  Level level = Level::kInfo;
  std::size_t max_bytes = 100U << 20U;
  std::size_t keep_files = 10;
  bool on_stderr = false;  // instead of standard output, which belongs to what a command prints
};

// Once, before threads start; returns a warning to print when the directory cannot be written (files are then off).
std::string open(const Settings& settings);
bool enabled(Level level);
void write(Level level, std::string_view line);
void flush();
// Closes the log file and opens it by its name again: after somebody else moved it away. From any thread.
void reopen();
void set_level(Level level);
// Stops and resumes writing to files: standard output goes on. For a disk that has little room left.
void pause_files(bool pause);

template <class... A>
void debug(fmt::format_string<A...> format, A&&... args) {
  if (enabled(Level::kDebug)) write(Level::kDebug, fmt::format(format, std::forward<A>(args)...));
}
template <class... A>
void info(fmt::format_string<A...> format, A&&... args) {
  if (enabled(Level::kInfo)) write(Level::kInfo, fmt::format(format, std::forward<A>(args)...));
}
template <class... A>
void warn(fmt::format_string<A...> format, A&&... args) {
  if (enabled(Level::kWarn)) write(Level::kWarn, fmt::format(format, std::forward<A>(args)...));
}
template <class... A>
void error(fmt::format_string<A...> format, A&&... args) {
  if (enabled(Level::kError)) write(Level::kError, fmt::format(format, std::forward<A>(args)...));
}

}  // namespace tollgate::core::log
