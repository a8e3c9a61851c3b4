#include "app/journal_command.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>

#include "billing/replay.h"

namespace tollgate::app {
namespace {

namespace json = boost::json;

constexpr int kRefused = 64;
constexpr const char* kConsumers[] = {"balances", "statistics", "log rows"};

int failed(const std::string& why, int code) {
  std::fprintf(stderr, "tollgate journal: %s\n", why.c_str());
  return code;
}

int failed(const core::Error& error) {
  return failed(error.message, error.code == core::Errc::kUnavailable ? kFailure : kRefused);
}

json::array numbers(const std::array<std::int64_t, 3>& values) { return {values[0], values[1], values[2]}; }

int status(const billing::JournalStatus& found, bool as_json) {
  const bool all_there = found.known && found.waiting == std::array<std::int64_t, 3>{} && found.inflight == 0;
  const int code = all_there ? kOk : kFailure;
  if (as_json) {
    json::object out{{"node", found.node},
                     {"last_seq", found.last_seq},
                     {"kept", found.kept},
                     {"inflight", found.inflight},
                     {"known", found.known},
                     {"alive", found.alive},
                     {"marks", numbers(found.marks)},
                     {"waiting", numbers(found.waiting)},
                     {"slices", found.slices}};
    return std::printf("%s\n", json::serialize(out).c_str()), code;
  }
  std::printf("node             %s%s\n", found.node.c_str(), found.alive ? " (it lives)" : "");
  std::printf("last number      %lld\n", static_cast<long long>(found.last_seq));
  std::printf("rows kept        %lld\n", static_cast<long long>(found.kept));
  std::printf("begun requests   %lld\n", static_cast<long long>(found.inflight));
  if (!found.known) return std::printf("this database knows no such node\n"), code;
  for (std::size_t i = 0; i < 3; ++i)
    std::printf("%-16s %lld waiting, mark %lld\n", kConsumers[i], static_cast<long long>(found.waiting[i]),
                static_cast<long long>(found.marks[i]));
  std::printf("slices held      %lld\n", static_cast<long long>(found.slices));
  return code;
}

int replay(const billing::Replayed& done, bool as_json) {
  if (as_json) {
    json::object out{{"node", done.node},
                     {"rows", numbers(done.rows)},
                     {"inflight", done.inflight},
                     {"slices_left", done.slices_left}};
    return std::printf("%s\n", json::serialize(out).c_str()), kOk;
  }
  std::printf("node %s: %lld rows for balances, %lld for statistics, %lld for the log; %lld begun requests charged\n",
              done.node.c_str(), static_cast<long long>(done.rows[0]), static_cast<long long>(done.rows[1]),
              static_cast<long long>(done.rows[2]), static_cast<long long>(done.inflight));
  std::printf("%s\n", done.slices_left ? "the node lives: its slices stay with it" : "its slices are given back");
  return kOk;
}

}  // namespace

int journal_command(const CommandLine& line, sql::Pool& main, sql::Pool& log) {
  const auto& words = line.rest;
  if (words.size() != 2 || (words[0] != "status" && words[0] != "replay"))
    return failed("usage: tollgate journal status|replay DIRECTORY [--json]", kBadCommandLine);
  if (words[0] == "status") {
    auto found = billing::journal_status(words[1], main, log, core::real_clock());
    return found ? status(*found, line.json) : failed(found.error());
  }
  auto done = billing::replay_journal(words[1], main, log, core::real_clock());
  return done ? replay(*done, line.json) : failed(done.error());
}

}  // namespace tollgate::app
