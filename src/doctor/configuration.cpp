// C-01, C-02: the variables.
#include <fmt/core.h>

#include "doctor/doctor.h"

namespace tollgate::doctor {

void check_configuration(Patient& patient) {
  const auto& config = patient.setting.config;
  auto& report = patient.report;
  std::size_t set = 0, from_file = 0;
  for (const auto& variable : core::variables()) {
    if (!config.is_set(variable.name)) continue;
    ++set;
    if (config.origin(variable.name) == ".env") ++from_file;
  }
  for (const auto& warning : patient.setting.configuration.warnings)
    report.warn("C-01", "configuration", warning, "a variable does not mean what it seems to",
                "tollgate config --check, and docs/configuration.md");
  if (patient.setting.configuration.warnings.empty())
    report.pass("C-01", "configuration", fmt::format("{} variables set, all of them known and sound", set));
  report.pass("C-02", "where values come from",
              from_file > 0 ? fmt::format("{} of {} from the .env file", from_file, set)
                            : fmt::format("no .env file: {} from the environment and flags", set));
}

}  // namespace tollgate::doctor
