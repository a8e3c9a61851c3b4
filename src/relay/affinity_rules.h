// Which requests belong together and should meet the same channel, as the option channel_affinity_setting says it.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/option_table.h"

namespace re2 {
class RE2;
}

namespace tollgate::relay {

// Where the key of a rule is found.
struct AffinitySource {
  enum class Kind { kNone, kContextInt, kContextString, kBody };
  Kind kind = Kind::kNone;  // kNone: a type that is not known, gives nothing
  std::string type, key, path;
};

struct AffinityRule {
  AffinityRule();
  ~AffinityRule();
  AffinityRule(AffinityRule&&) noexcept;

  std::string name;
  // Expressions are searched for, in time linear in the text. Those that do not parse never match.
  std::vector<std::unique_ptr<const re2::RE2>> models, paths;
  std::vector<std::string> user_agents;  // lower case
  std::vector<AffinitySource> sources;
  std::unique_ptr<const re2::RE2> value;  // null: any value
  bool any_path = true;
  std::chrono::seconds ttl{3600};
  bool skip_retry = false;
  bool with_group = false;
  bool with_name = false;

  bool takes_model(std::string_view model) const;
  bool takes_path(std::string_view path) const;
  bool takes_agent(std::string_view user_agent) const;
  bool takes_value(std::string_view text) const;
};

struct AffinityRules {
  bool switch_on_success = true;
  std::size_t max_entries = 100'000;
  std::vector<AffinityRule> rules;
};

// null when it is off or there is no rule.
std::shared_ptr<const AffinityRules> read_affinity_rules(const core::Options& options);

// The rules whose expressions take a model and a path, kept for those that a worker meets: matching is slow and takes
// locks inside the library of expressions, this does not. On its worker only.
class AffinityModels {
 public:
  const std::vector<const AffinityRule*>& find(const std::shared_ptr<const AffinityRules>& rules,
                                               std::string_view model, std::string_view path);

 private:
  std::shared_ptr<const AffinityRules> rules_;
  std::string key_;
  std::unordered_map<std::string, std::vector<const AffinityRule*>> known_;
};

}  // namespace tollgate::relay
