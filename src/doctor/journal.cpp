// J-01 … J-05, D-DATA: charges on their way to the database, and the disk they wait on.
#include <fmt/core.h>

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>

#include "doctor/doctor.h"
#include "doctor/nodes.h"

namespace tollgate::doctor {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBacklog = 10'000;  // records
constexpr double kFullest = 0.9;

// Records of a node that no balance has seen yet.
std::map<std::string, std::int64_t> marks_of(sql::Connection& db) {
  std::map<std::string, std::int64_t> marks;
  auto rows = db.query("SELECT node_id, seq FROM tg_marks WHERE consumer = ?", {std::string_view("main")});
  if (!rows) return marks;
  for (const auto& row : *rows) marks[row.text(0)] = row.integer(1);
  return marks;
}

void check_marks(Patient& patient, sql::Connection& db) {
  auto& report = patient.report;
  const auto& view = *patient.cluster;
  auto marks = marks_of(db);
  std::string behind, lost;
  auto name = [](std::string& list, const cluster::NodeRow& row, std::int64_t records) {
    list += fmt::format("{}{} ({} records)", list.empty() ? "" : ", ", row.name, records);
  };
  for (const auto& row : view.nodes.rows) {
    const auto waiting = row.journal_last_seq - marks[row.node_id];
    const bool live = cluster::is_live(row, view.nodes.now);
    if (live && waiting > kBacklog) name(behind, row, waiting);
    if (!live && waiting > 0) name(lost, row, waiting);
  }
  if (behind.empty())
    report.pass("J-01", "journal backlog", "every live node keeps up");
  else
    report.warn("J-01", "journal backlog", behind, "charges reach the database later than they are made",
                "look at tollgate_flush_seconds and the database; docs/monitoring.md");
  if (lost.empty())
    report.pass("J-02", "nodes that are gone", "all of their charges are in the database");
  else
    report.fail("J-02", "nodes that are gone", lost, "charges lie on their disks only",
                "start them again, or tollgate journal replay DIRECTORY");
}

void check_quarantine(Patient& patient, sql::Connection& db) {
  auto rows = db.query("SELECT count(*) FROM tg_quarantine", {});
  if (!rows || rows->empty()) return;
  const auto count = rows->front().integer(0);
  if (count == 0) return patient.report.pass("J-03", "quarantine", "empty");
  patient.report.fail("J-03", "quarantine", fmt::format("{} record(s) in tg_quarantine", count),
                      "the database took these charges under no circumstances; nobody paid for them",
                      "SELECT node_id, seq, error FROM tg_quarantine; correct the cause, then charge by hand");
}

void check_files(Report& report, const fs::path& directory) {
  std::string odd;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(directory, failed)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with("journal.damaged-") || name.starts_with("journal.foreign-"))
      odd += (odd.empty() ? "" : ", ") + name;
  }
  if (odd.empty()) return report.pass("J-04", "journals set aside", "none");
  report.warn("J-04", "journals set aside", odd, "a damaged journal, or one of another node, was found here",
              "tollgate journal replay on a copy of it, then remove it");
}

// What the kernel calls the file system that the directory is on.
std::string file_system_of(const fs::path& directory) {
  std::error_code failed;
  const auto path = fs::absolute(directory, failed).string();
  std::ifstream mounts("/proc/self/mounts");
  std::string device, where, type, rest, best, found;
  while (mounts >> device >> where >> type && std::getline(mounts, rest))
    if (path.starts_with(where) && where.size() >= best.size()) best = where, found = type;
  return found;
}

void check_disk(Report& report, const fs::path& directory) {
  struct statvfs disk{};
  if (::statvfs(directory.c_str(), &disk) != 0 || disk.f_blocks == 0)
    return report.fail("J-05", "disk", directory.string(), "the data directory is not there",
                       "make it, or name another one in TOLLGATE_DATA_DIR");
  const auto used = 1 - static_cast<double>(disk.f_bavail) / static_cast<double>(disk.f_blocks);
  const auto evidence = fmt::format("{:.0f} % used, {} MB free", used * 100, disk.f_bavail * disk.f_frsize >> 20U);
  if (used > kFullest)
    report.warn("J-05", "disk", evidence, "a full disk keeps charges in memory", "make room, or a larger volume");
  else
    report.pass("J-05", "disk", evidence);
}

void check_data(Report& report, const fs::path& directory) {
  const auto path = directory / ".doctor-probe";
  const auto began = std::chrono::steady_clock::now();
  int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool written = file >= 0 && ::write(file, "probe", 5) == 5 && ::fsync(file) == 0;
  const auto took = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
  if (file >= 0) ::close(file);
  ::unlink(path.c_str());
  if (!written)
    return report.fail("D-DATA", "data directory", directory.string() + " cannot be written", "charges cannot be kept",
                       "give it to the user that runs the program: chown, or the volume's options");
  const auto type = file_system_of(directory);
  const auto evidence = fmt::format("{} on {}, fsync {:.1f} ms", directory.string(), type, took);
  if (type == "overlay")
    report.warn("D-DATA", "data directory", evidence, "it goes away with the container, and charges that wait with it",
                "mount a volume there: -v tollgate:/data");
  else
    report.pass("D-DATA", "data directory", evidence);
}

}  // namespace

void check_journal(Patient& patient) {
  const fs::path directory = patient.setting.config.text("TOLLGATE_DATA_DIR");
  auto lease = patient.setting.main ? patient.setting.main->lease() : sql::Result<sql::Pool::Lease>(sql::Error{});
  if (patient.cluster && lease) {
    check_marks(patient, **lease);
    check_quarantine(patient, **lease);
  } else {
    for (auto id : {"J-01", "J-02", "J-03"}) patient.report.skip(id, "journal", "the database's tables cannot be read");
  }
  check_files(patient.report, directory);
  check_disk(patient.report, directory);
  if (std::error_code failed; std::filesystem::is_directory(directory, failed)) check_data(patient.report, directory);
}

}  // namespace tollgate::doctor
