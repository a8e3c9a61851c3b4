// What the relay remembers of keys that meet the same channel again: counted, cleared, and how well it served.
#include <functional>

#include "api/handlers.h"

namespace tollgate::api {
namespace {

struct RuleName {
  std::string name;
  bool in_keys = false;  // keys of the rule begin with its name
};

std::vector<RuleName> rule_names(const core::Options& options) {
  std::vector<RuleName> names;
  auto rules = parse_json(options.text("channel_affinity_setting.rules"));
  if (!rules || !rules->is_array()) return names;
  for (const auto& rule : rules->get_array()) {
    const auto* object = rule.if_object();
    const auto* name = object ? object->if_contains("name") : nullptr;
    if (!name || !name->is_string()) continue;
    const auto* with_name = object->if_contains("include_rule_name");
    names.push_back({std::string(name->get_string()), with_name && with_name->is_bool() && with_name->get_bool()});
  }
  return names;
}

bool is_of(std::string_view key, const std::string& rule) {
  return key.size() > rule.size() && key.starts_with(rule) && key[rule.size()] == ':';
}

Response dropped(const Context& c, const std::function<bool(std::string_view)>& drops) {
  const auto count = c.services.drop_affinity_keys ? c.services.drop_affinity_keys(drops) : 0;
  return ok(json::object{{"deleted", static_cast<std::int64_t>(count)}});
}

}  // namespace

Response affinity_cache(Context& c) {
  const auto rules = rule_names(*c.options);
  json::object by_name;
  for (const auto& rule : rules)
    if (rule.in_keys) by_name[rule.name] = std::int64_t{0};
  std::int64_t total = 0, unknown = 0;
  if (c.services.each_affinity_key)
    c.services.each_affinity_key([&](std::string_view key) {
      ++total;
      for (const auto& rule : rules)
        if (rule.in_keys && is_of(key, rule.name)) {
          ++by_name[rule.name].as_int64();
          return;
        }
      ++unknown;
    });
  return ok(json::object{{"enabled", c.options->boolean("channel_affinity_setting.enabled")},
                         {"total", total},
                         {"unknown", unknown},
                         {"by_rule_name", std::move(by_name)},
                         {"cache_capacity", c.options->integer("channel_affinity_setting.max_entries")},
                         {"cache_algo", "lru"}});
}

Response clear_affinity_cache(Context& c) {
  if (c.query.boolean("all")) return dropped(c, [](std::string_view) { return true; });
  const auto name = c.query.text("rule_name");
  if (name.empty()) return fail(400, "缺少参数：rule_name，或使用 all=true 清空全部");
  const auto rules = rule_names(*c.options);
  const auto rule = std::find_if(rules.begin(), rules.end(), [&](const auto& known) { return known.name == name; });
  if (rule == rules.end()) return fail(400, "未知规则名称");
  if (!rule->in_keys) return fail(400, "该规则未启用 include_rule_name，无法按规则清空缓存");
  return dropped(c, [&](std::string_view key) { return is_of(key, name); });
}

Response affinity_usage(Context& c) {
  const auto rule = c.query.text("rule_name"), group = c.query.text("using_group"), key = c.query.text("key_fp");
  if (rule.empty()) return fail(400, "missing param: rule_name");
  if (key.empty()) return fail(400, "missing param: key_fp");
  const auto usage = c.services.affinity_usage ? c.services.affinity_usage(rule, group, key) : AffinityUsage{};
  return ok(json::object{{"rule_name", rule},
                         {"using_group", group},
                         {"key_fp", key},
                         {"hit", usage.hit},
                         {"total", usage.total},
                         {"window_seconds", usage.window_seconds},
                         {"prompt_tokens", usage.prompt_tokens},
                         {"completion_tokens", usage.completion_tokens},
                         {"total_tokens", usage.total_tokens},
                         {"cached_tokens", usage.cached_tokens},
                         {"prompt_cache_hit_tokens", std::int64_t{0}},
                         {"last_seen_at", usage.last_seen_at}});
}

}  // namespace tollgate::api
