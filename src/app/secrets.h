// Secrets that the program makes for itself when the operator gave none.
#pragma once
#include <string>

#include "core/result.h"

namespace tollgate::app {

// The content of <data_dir>/session_secret, made (readable by the owner only) when it is missing.
core::Result<std::string> own_session_secret(const std::string& data_dir);

}  // namespace tollgate::app
