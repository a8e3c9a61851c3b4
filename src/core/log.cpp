#include "core/log.h"

#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

namespace tollgate::core::log {
namespace {

std::atomic<int> g_level{static_cast<int>(Level::kInfo)};

std::shared_ptr<spdlog::logger>& logger() {
  static std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("tollgate", std::make_shared<spdlog::sinks::stdout_sink_mt>());
    made->set_level(spdlog::level::trace);
    return made;
  }();
  return instance;
}

// The file behind one sink that stays in the logger, so that another file can take its place while lines are written.
struct Files {
  std::mutex mutex;
  Settings settings;
  std::shared_ptr<spdlog::sinks::dist_sink_mt> place;
};
Files& files() {
  static Files instance;
  return instance;
}

std::shared_ptr<spdlog::sinks::sink> open_file(const Settings& settings) {
  std::filesystem::create_directories(settings.directory);
  auto path = std::filesystem::path(settings.directory) / (settings.file_name + ".log");
  return std::make_shared<spdlog::sinks::rotating_file_sink_mt>(path.string(), settings.max_bytes, settings.keep_files);
}

constexpr auto kPattern = "[%Y/%m/%d - %H:%M:%S.%e] %^%l%$ | %v";

spdlog::level::level_enum native(Level level) {
  switch (level) {
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarn: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

std::string open(const Settings& settings) {
  g_level = static_cast<int>(settings.level);
  std::vector<spdlog::sink_ptr> sinks;
  if (settings.on_stderr)
    sinks.push_back(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  else
    sinks.push_back(std::make_shared<spdlog::sinks::stdout_sink_mt>());
  std::string warning;
  if (!settings.directory.empty()) {
    try {
      auto place = std::make_shared<spdlog::sinks::dist_sink_mt>(std::vector<spdlog::sink_ptr>{open_file(settings)});
      sinks.push_back(place);
      std::lock_guard lock(files().mutex);
      files().settings = settings;
      files().place = std::move(place);
    } catch (const std::exception& failure) {
      warning = "log directory " + settings.directory +
                " cannot be written, logging to standard output only: " + failure.what();
    }
  }
  auto made = std::make_shared<spdlog::logger>("tollgate", sinks.begin(), sinks.end());
  made->set_level(spdlog::level::trace);
  made->set_pattern(kPattern);
  made->flush_on(spdlog::level::warn);
  logger() = made;
  return warning;
}

bool enabled(Level level) { return static_cast<int>(level) >= g_level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view line) {
  logger()->log(native(level), spdlog::string_view_t(line.data(), line.size()));
}

void flush() { logger()->flush(); }

void reopen() {
  std::lock_guard lock(files().mutex);
  if (!files().place) return;
  try {
    auto fresh = open_file(files().settings);
    fresh->set_pattern(kPattern);
    files().place->set_sinks({std::move(fresh)});
  } catch (const std::exception& failure) {
    write(Level::kWarn, fmt::format("the log file stays as it was: {}", failure.what()));
  }
}

void set_level(Level level) { g_level = static_cast<int>(level); }

void pause_files(bool pause) {
  std::lock_guard lock(files().mutex);
  if (files().place) files().place->set_level(pause ? spdlog::level::off : spdlog::level::trace);
}

}  // namespace tollgate::core::log
