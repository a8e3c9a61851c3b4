// Forms of submissions, which lie in memory: their texts, and the form built anew for the upstream.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "net/multipart_writer.h"

namespace tollgate::tasks {

// The part's text; nullopt when there is none of that name that is no file, or the form is broken.
std::optional<std::string> form_text(std::string_view content_type, std::string_view body, std::string_view name);

struct BuiltForm {
  std::string content_type;
  std::string body;
};
// The same form with another model. kInvalid when it is none.
core::Result<BuiltForm> with_model(std::string_view content_type, std::string_view body, std::string_view model);

}  // namespace tollgate::tasks
