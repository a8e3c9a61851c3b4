// What a start says of its configuration, and how long a refused one waits before it ends.
#pragma once
#include "core/config.h"

namespace tollgate::app {

// Sets the process's time zone from TZ, wherever that was read. A name that this machine does not know is a warning and
// UTC, or an error with TOLLGATE_STRICT_CONFIG.
void apply_time_zone(const core::Config& config, core::ConfigReport& report);

// Prints warnings, errors and, with an error, the FATAL line; gives the exit code.
int report_configuration(const core::ConfigReport& report);

// Waits as TOLLGATE_EXIT_DELAY says: a container that is restarted at once must not flood its log.
void delay_exit(const core::Config& config);

// 32 random bytes in hex; with `as_env` the two lines of a .env file that all nodes share.
void print_secret(bool as_env);

}  // namespace tollgate::app
