// tollgate doctor: looks at a set-up from where it is started and names what is wrong with it. Needs no running node;
// changes nothing that lasts. Each family of checks is a file of its own; docs/doctor.md is the table.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/view.h"
#include "core/config.h"
#include "core/result.h"
#include "doctor/report.h"
#include "redis/client.h"
#include "sql/connection.h"

namespace tollgate::doctor {

struct Asked {
  std::string url;    // of the balancer; empty: what is behind it is not looked at
  std::string node;   // of one node; empty: none is asked
  std::string key;    // a client's, for a call through both
  bool sync = false;  // signals go round through every node
};

// How this process would reach what it needs; opened by app, which knows the variables.
struct Setting {
  const core::Config& config;
  const core::ConfigReport& configuration;
  Asked asked;
  std::string version;
  std::vector<std::string> session_secrets, crypto_secrets;  // the one in force first
  std::unique_ptr<sql::Pool> main, log;                      // log: null when it is the main one
  std::string main_error, log_error;                         // why there is none
  std::string main_place, log_place;                         // for people
  core::Result<redis::Settings> redis;                       // no endpoints: none is configured
};

// What one family found out, for those after it.
struct Patient {
  Setting& setting;
  Report& report;
  std::optional<cluster::View> cluster = {};  // what the database says of the nodes
  std::unique_ptr<redis::Client> redis = {};  // connected
  bool master() const { return setting.config.text("NODE_TYPE") == "master"; }
};

// In this order.
void check_configuration(Patient& patient);  // C-01 C-02
void check_sql(Patient& patient);            // D-01 … D-10; reads the cluster
void check_redis(Patient& patient);          // R-01 … R-08, R-PUBSUB
void check_cluster(Patient& patient);        // C-03 … C-06
void check_secrets(Patient& patient);        // S-01 … S-04
void check_signals(Patient& patient);        // R-PUBSUB again, at the nodes
void check_load(Patient& patient);           // L-01
void check_journal(Patient& patient);        // J-01 … J-05, D-DATA
void check_front(Patient& patient);          // P-01 … P-07, S-05, N-01

Report examine(Setting& setting);

}  // namespace tollgate::doctor
