#include "core/log.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <filesystem>
#include <memory>
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

std::shared_ptr<spdlog::sinks::sink>& file_sink() {
  static std::shared_ptr<spdlog::sinks::sink> instance;
  return instance;
}

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
  std::vector<spdlog::sink_ptr> sinks{std::make_shared<spdlog::sinks::stdout_sink_mt>()};
  std::string warning;
  if (!settings.directory.empty()) {
    try {
      std::filesystem::create_directories(settings.directory);
      auto path = std::filesystem::path(settings.directory) / (settings.file_name + ".log");
      file_sink() = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(path.string(), settings.max_bytes,
                                                                           settings.keep_files);
      sinks.push_back(file_sink());
    } catch (const std::exception& failure) {
      warning = "log directory " + settings.directory +
                " cannot be written, logging to standard output only: " + failure.what();
    }
  }
  auto made = std::make_shared<spdlog::logger>("tollgate", sinks.begin(), sinks.end());
  made->set_level(spdlog::level::trace);
  made->set_pattern("[%Y/%m/%d - %H:%M:%S.%e] %^%l%$ | %v");
  made->flush_on(spdlog::level::warn);
  logger() = made;
  return warning;
}

bool enabled(Level level) { return static_cast<int>(level) >= g_level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view line) {
  logger()->log(native(level), spdlog::string_view_t(line.data(), line.size()));
}

void flush() { logger()->flush(); }

void pause_files(bool pause) {
  if (auto file = file_sink()) file->set_level(pause ? spdlog::level::off : spdlog::level::trace);
}

}  // namespace tollgate::core::log
