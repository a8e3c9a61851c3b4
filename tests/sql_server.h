// Database servers for unit tests: tests/e2e/lib/databases.mjs starts one of a kind for the whole test program when it
// is first asked for, and ends it with the program.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include "sql/server.h"

namespace tollgate::test {

class SqlServers {
 public:
  static SqlServers& get() {
    static SqlServers servers;
    return servers;
  }

  // The DSN of an empty database of its own.
  std::string fresh(sql::Dialect dialect) { return tell("fresh", dialect); }

  // freeze, thaw, kill, restart.
  std::string tell(const std::string& verb, sql::Dialect dialect) {
    auto line = verb + (dialect == sql::Dialect::kMysql ? " mysql\n" : " postgres\n");
    if (::write(in_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
      throw std::runtime_error("databases.mjs is gone");
    std::string answer;
    for (char c = 0; ::read(out_, &c, 1) == 1 && c != '\n';) answer.push_back(c);
    if (answer.empty()) throw std::runtime_error("databases.mjs ended without an answer");
    return answer;
  }

 private:
  SqlServers() {
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("no pipes");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    const char* arguments[] = {"node", TOLLGATE_SOURCE_DIR "/tests/e2e/lib/databases.mjs", "serve", nullptr};
    if (::posix_spawnp(&pid_, "node", &actions, nullptr, const_cast<char**>(arguments), environ) != 0)
      throw std::runtime_error("node cannot be started");
    posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    in_ = in[1];
    out_ = out[0];
  }
  ~SqlServers() {
    ::close(in_);
    ::waitpid(pid_, nullptr, 0);
    ::close(out_);
  }

  pid_t pid_ = 0;
  int in_ = -1, out_ = -1;
};

// An empty database of the given kind; a SQLite one is a file in `directory`, or in memory without one.
inline std::unique_ptr<sql::Pool> fresh_database(sql::Dialect dialect, std::size_t connections = 4,
                                                 const std::string& directory = {}) {
  sql::ServerSettings settings;
  settings.max_open = connections;
  settings.node = "test";
  auto text = dialect == sql::Dialect::kSqlite ? std::string("local") : SqlServers::get().fresh(dialect);
  auto dsn = sql::parse_dsn(text, directory.empty() ? ":memory:" : directory + "/database.db");
  if (directory.empty() && dialect == sql::Dialect::kSqlite) settings.max_open = 1;
  return *sql::open_pool(*dsn, settings);
}

// What TOLLGATE_TEST_SQL names: mysql, postgres, else SQLite. For test programs that run once for each.
inline sql::Dialect chosen_database() {
  const char* given = std::getenv("TOLLGATE_TEST_SQL");
  std::string_view name = given ? given : "";
  return name == "mysql" ? sql::Dialect::kMysql : name == "postgres" ? sql::Dialect::kPostgres : sql::Dialect::kSqlite;
}

inline std::string name_of(const testing::TestParamInfo<sql::Dialect>& info) {
  return info.param == sql::Dialect::kSqlite ? "sqlite" : info.param == sql::Dialect::kMysql ? "mysql" : "postgres";
}

#define TOLLGATE_ON_EVERY_DATABASE(suite)                                                                       \
  INSTANTIATE_TEST_SUITE_P(, suite,                                                                             \
                           testing::Values(::tollgate::sql::Dialect::kSqlite, ::tollgate::sql::Dialect::kMysql, \
                                           ::tollgate::sql::Dialect::kPostgres),                                \
                           ::tollgate::test::name_of)

}  // namespace tollgate::test
