#include "api/groups.h"

#include "api/handlers.h"
#include "api/json.h"

namespace tollgate::api {
namespace {

// The object an option holds; empty when its text is not one.
json::object object_option(const core::Options& options, std::string_view key) {
  auto value = parse_json(options.text(key));
  if (!value || !value->is_object()) return {};
  return std::move(value->get_object());
}

const json::value* member(const json::object& object, std::string_view name) {
  return object.if_contains(json::string_view(name.data(), name.size()));
}

std::string text_or_empty(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : std::string();
}

json::object groups_for(const core::Options& options, std::string_view user_group) {
  const json::object ratios = object_option(options, "GroupRatio");
  const json::object own_ratios = object_option(options, "GroupGroupRatio");
  const json::value* own = member(own_ratios, user_group);
  json::object data;
  for (const auto& [name, description] : usable_groups(options, user_group)) {
    json::object entry;
    const json::value* ratio = member(ratios, name);
    if (own && own->is_object())
      if (const json::value* special = member(own->get_object(), name)) ratio = ratio ? special : nullptr;
    if (name == "auto")
      entry.emplace("ratio", "自动");
    else if (ratio)
      entry.emplace("ratio", *ratio);
    else
      continue;
    entry.emplace("desc", json::string(description));
    data.emplace(json::string_view(name), std::move(entry));
  }
  return data;
}

}  // namespace

std::map<std::string, std::string> usable_groups(const core::Options& options, std::string_view user_group) {
  std::map<std::string, std::string> groups;
  for (const auto& entry : object_option(options, "UserUsableGroups"))
    groups.insert_or_assign(std::string(entry.key()), text_or_empty(entry.value()));
  if (user_group.empty()) return groups;
  const json::object special = object_option(options, "group_ratio_setting.group_special_usable_group");
  if (const json::value* rules = member(special, user_group); rules && rules->is_object()) {
    for (const auto& rule : rules->get_object()) {
      std::string name(rule.key());
      if (name.starts_with("-:"))
        groups.erase(name.substr(2));
      else
        groups.insert_or_assign(name.starts_with("+:") ? name.substr(2) : name, text_or_empty(rule.value()));
    }
  }
  groups.emplace(std::string(user_group), "用户分组");
  return groups;
}

Response list_groups(Context& c) {
  json::array names;
  for (const auto& entry : object_option(*c.options, "GroupRatio")) names.push_back(json::string(entry.key()));
  return ok(std::move(names));
}

Response self_groups(Context& c) { return ok(groups_for(*c.options, c.user.group)); }
Response anonymous_groups(Context& c) { return ok(groups_for(*c.options, "")); }

}  // namespace tollgate::api
