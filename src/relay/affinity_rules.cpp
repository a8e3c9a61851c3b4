#include "relay/affinity_rules.h"

#include <re2/re2.h>

#include <algorithm>
#include <boost/json.hpp>

#include "core/ascii.h"

namespace tollgate::relay {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostModels = 4096;  // names are the clients' to choose

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

std::unique_ptr<const re2::RE2> expression(std::string_view text) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  return std::make_unique<const re2::RE2>(piece(text), options);
}

bool matches(const re2::RE2& expression, std::string_view text) {
  return expression.ok() && re2::RE2::PartialMatch(piece(text), expression);
}

bool any_matches(const std::vector<std::unique_ptr<const re2::RE2>>& list, std::string_view text) {
  return std::ranges::any_of(list, [&](const auto& expression) { return matches(*expression, text); });
}

std::string_view text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

bool flag(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_bool() && value->get_bool();
}

template <class Visit>
void each_text(const json::object& object, std::string_view name, Visit visit) {
  const auto* list = object.if_contains(name);
  if (!list || !list->is_array()) return;
  for (const auto& item : list->get_array())
    if (item.is_string()) visit(std::string_view(item.get_string()));
}

AffinitySource read_source(const json::object& object) {
  using Kind = AffinitySource::Kind;
  AffinitySource source;
  source.type = text(object, "type");
  source.key = text(object, "key");
  source.path = text(object, "path");
  if (source.type == "context_int") source.kind = Kind::kContextInt;
  if (source.type == "context_string") source.kind = Kind::kContextString;
  if (source.type == "gjson") source.kind = Kind::kBody;
  return source;
}

AffinityRule read_rule(const json::object& object, std::int64_t default_ttl) {
  AffinityRule rule;
  rule.name = text(object, "name");
  each_text(object, "model_regex", [&](auto item) { rule.models.push_back(expression(item)); });
  each_text(object, "path_regex", [&](auto item) { rule.paths.push_back(expression(item)); });
  rule.any_path = rule.paths.empty();
  each_text(object, "user_agent_include", [&](auto item) { rule.user_agents.push_back(core::ascii_lower(item)); });
  if (const auto* list = object.if_contains("key_sources"); list && list->is_array())
    for (const auto& item : list->get_array())
      if (item.is_object()) rule.sources.push_back(read_source(item.get_object()));
  if (auto value = text(object, "value_regex"); !value.empty()) rule.value = expression(value);
  const auto* ttl = object.if_contains("ttl_seconds");
  const std::int64_t own = ttl && ttl->is_int64() ? ttl->get_int64() : 0;
  rule.ttl = std::chrono::seconds(std::min<std::int64_t>(own > 0           ? own
                                                         : default_ttl > 0 ? default_ttl
                                                                           : 3600,
                                                         1'000'000'000));
  rule.skip_retry = flag(object, "skip_retry_on_failure");
  rule.with_group = flag(object, "include_using_group");
  rule.with_name = flag(object, "include_rule_name");
  return rule;
}

}  // namespace

AffinityRule::AffinityRule() = default;
AffinityRule::~AffinityRule() = default;
AffinityRule::AffinityRule(AffinityRule&&) noexcept = default;

bool AffinityRule::takes_model(std::string_view model) const { return any_matches(models, model); }

bool AffinityRule::takes_path(std::string_view path) const { return any_path || any_matches(paths, path); }

bool AffinityRule::takes_agent(std::string_view user_agent) const {
  if (user_agents.empty()) return true;
  const auto agent = core::ascii_lower(user_agent);
  return std::ranges::any_of(user_agents, [&](const auto& part) { return agent.find(part) != std::string::npos; });
}

bool AffinityRule::takes_value(std::string_view text) const { return !value || matches(*value, text); }

std::shared_ptr<const AffinityRules> read_affinity_rules(const core::Options& options) {
  if (!options.boolean("channel_affinity_setting.enabled")) return nullptr;
  boost::system::error_code ec;
  auto list = json::parse(options.text("channel_affinity_setting.rules"), ec);
  if (ec || !list.is_array()) return nullptr;
  auto rules = std::make_shared<AffinityRules>();
  const auto ttl = options.integer("channel_affinity_setting.default_ttl_seconds");
  for (const auto& item : list.get_array())
    if (item.is_object()) rules->rules.push_back(read_rule(item.get_object(), ttl));
  if (rules->rules.empty()) return nullptr;
  rules->switch_on_success = options.boolean("channel_affinity_setting.switch_on_success");
  const auto most = options.integer("channel_affinity_setting.max_entries");
  if (most > 0) rules->max_entries = static_cast<std::size_t>(most);
  return rules;
}

const std::vector<const AffinityRule*>& AffinityModels::find(const std::shared_ptr<const AffinityRules>& rules,
                                                             std::string_view model, std::string_view path) {
  if (rules_ != rules || known_.size() >= kMostModels) {
    known_.clear();
    rules_ = rules;
  }
  key_.assign(path).append("\n").append(model);
  auto [entry, fresh] = known_.try_emplace(key_);
  if (fresh)
    for (const auto& rule : rules->rules)
      if (rule.takes_model(model) && rule.takes_path(path)) entry->second.push_back(&rule);
  return entry->second;
}

}  // namespace tollgate::relay
