#include "provider/enterprise.h"

#include "core/json_edit.h"

namespace tollgate::provider {

core::Result<std::string_view> openrouter_data(std::string_view body) {
  auto members = core::scan_object(body);
  if (!members) return body;
  std::string_view data;
  for (const auto& member : *members) {
    auto key = body.substr(member.key.begin, member.key.size());
    auto value = body.substr(member.value.begin, member.value.size());
    if (core::json_string_equals(key, "success") && value == "false")
      return core::error(core::Errc::kInvalid, "openrouter response success=false");
    if (core::json_string_equals(key, "data") && value.starts_with('{')) data = value;
  }
  return data.empty() ? body : data;
}

}  // namespace tollgate::provider
