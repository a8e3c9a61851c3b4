#include "tasks/json.h"

#include "core/json_edit.h"

namespace tollgate::tasks {

std::string raw_member(std::string_view object, std::string_view name) {
  auto members = core::scan_object(object);
  if (!members) return {};
  // The last of several counts, as in readers that build a document.
  for (auto member = members->rbegin(); member != members->rend(); ++member)
    if (core::json_string_equals(object.substr(member->key.begin, member->key.size()), name))
      return std::string(object.substr(member->value.begin, member->value.size()));
  return {};
}

}  // namespace tollgate::tasks
