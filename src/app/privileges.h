// Giving up root: what the image needs before anything of the program runs.
#pragma once
#include <string>

#include "core/config.h"
#include "core/result.h"

namespace tollgate::app {

// As root and with TOLLGATE_RUN_AS: takes over the data and log directories as far as they belong to root
// (TOLLGATE_CHOWN: their files too, or all that is below), then becomes that user for good, without capabilities or a
// way to new ones. Does nothing for any other user. `own_directories`: only where the program is going to serve. Before
// any thread starts.
core::Result<void> drop_privileges(const core::Config& config, bool own_directories);

}  // namespace tollgate::app
