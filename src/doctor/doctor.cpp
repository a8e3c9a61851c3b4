#include "doctor/doctor.h"

namespace tollgate::doctor {

Report examine(Setting& setting) {
  Report report;
  Patient patient{.setting = setting, .report = report};
  check_configuration(patient);
  check_sql(patient);
  check_redis(patient);
  check_cluster(patient);
  check_secrets(patient);
  check_signals(patient);
  check_load(patient);
  check_journal(patient);
  check_front(patient);
  return report;
}

}  // namespace tollgate::doctor
