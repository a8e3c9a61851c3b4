// Plain answers of OpenRouter's enterprise accounts: {"data":…,"success":bool} around the answer.
#pragma once
#include <string_view>

#include "core/result.h"

namespace tollgate::provider {

// The answer itself, as part of `body`; the whole body when it has no envelope. kInvalid: it says that it failed.
core::Result<std::string_view> openrouter_data(std::string_view body);

}  // namespace tollgate::provider
