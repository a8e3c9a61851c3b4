// tollgate doctor: the set-up that the variables describe, handed to the doctor, and its report printed.
#pragma once
#include "app/command_line.h"
#include "core/config.h"

namespace tollgate::app {

// 0 when nothing failed, 1 otherwise.
int doctor_command(const CommandLine& line, const core::Config& config, const core::ConfigReport& report,
                   const std::string& version);

}  // namespace tollgate::app
