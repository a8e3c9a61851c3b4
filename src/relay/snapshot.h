// Everything a request is routed and priced by, as one immutable value: channels, abilities, options, prices. Replaced
// whole when something changes; a request keeps the one it began with.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "billing/price_book.h"
#include "core/fetch_rules.h"
#include "core/option_table.h"
#include "core/result.h"
#include "core/types.h"
#include "core/word_finder.h"
#include "dialect/body_override.h"
#include "dialect/openai_reshape.h"
#include "net/environment_proxy.h"
#include "net/http_client.h"
#include "net/url.h"
#include "provider/header_override.h"
#include "provider/provider.h"
#include "relay/affinity_rules.h"
#include "relay/channel_selector.h"
#include "relay/model_limit.h"
#include "relay/status_ranges.h"
#include "relay/system_load.h"
#include "sql/connection.h"

namespace tollgate::relay {

struct ChannelKey {
  std::string text;
  int index = 0;
};

// Of several keys: which one serves a request.
enum class KeyChoice { kFirst, kRandom, kPolling };

// A channel as the relay uses it: its texts parsed once.
struct Channel {
  core::ChannelId id;
  std::string name;
  const provider::Provider* provider = nullptr;
  std::string base_url;
  std::string other;                                   // API version, account or plugin, by type
  bool dotless_deployment = false;                     // Azure, of before its names could have dots
  std::map<dialect::OpenAiRoute, net::Url> addresses;  // of calls without a query, where the model is no part of them
  std::vector<provider::OwnHeader> site_headers;       // by which the provider knows this installation
  provider::NameSet keeps_thinking;                    // names from which no "-thinking" is taken
  std::string organization;
  bool enabled = false;
  std::string_view not_built;  // what this build lacks to use it; then it is not enabled either
  bool auto_ban = false;
  bool several_keys = false;
  KeyChoice key_choice = KeyChoice::kFirst;
  std::vector<ChannelKey> keys;  // those that are not disabled, by their index
  std::size_t all_keys = 0;
  std::shared_ptr<std::atomic<std::uint32_t>> next_key;  // kPolling: index at which the search begins; outlives reloads
  std::map<std::string, std::string, std::less<>> model_mapping;
  bool mapping_broken = false;  // the text does not parse: each use is an error
  std::map<int, int> status_mapping;
  std::optional<net::Url> proxy;
  std::string bad_proxy;  // why the proxy cannot be used
  std::string system_prompt;
  bool system_prompt_override = false;
  bool pass_body = false;
  bool allow_service_tier = false;
  bool disable_store = false;
  bool allow_safety_identifier = false;
  dialect::ReshapeRules reshape;    // of chat answers, on the way to the client
  bool enterprise_answers = false;  // OpenRouter: plain answers stand in an envelope
  bool pass_limits = false;         // clients see the upstream's rate limits
  bool done_is_end = false;         // a stream that ends with [DONE] alone is whole
  bool drains = false;              // the upstream is read on when the client leaves, to learn what it bills
  bool bills_after_cancel = false;  // the same, only while nothing of the answer has come
  std::shared_ptr<const dialect::BodyOverride> body_override;       // nullptr: none
  std::shared_ptr<const provider::HeaderOverride> header_override;  // nullptr: none
  net::Timeouts timeouts;
  std::set<std::string, std::less<>> groups;
  std::set<std::string, std::less<>> models;
};

// Options that a request reads, in their types.
struct RelayOptions {
  int retry_times = 0;
  bool log_consume = true;
  bool data_export = true;
  StatusRanges retry_statuses;
  // When a failure switches its channel off, and a test switches it on again; relay/channel_health.
  bool disable_automatically = false;
  bool enable_automatically = false;
  StatusRanges disable_statuses;
  std::vector<std::string> disable_keywords;                      // lower case
  std::map<std::string, std::string, std::less<>> usable_groups;  // name → description
  std::map<std::string, std::map<std::string, std::string, std::less<>>, std::less<>> special_groups;  // per user group
  std::vector<std::string> auto_groups;
  std::string quota_display = "USD";
  double usd_exchange_rate = 7.3;
  std::string currency_symbol;
  double currency_rate = 1;
  double remind_threshold = 1000;  // units; a balance below it is told to its user
  bool validation_is_500 = false;
  std::shared_ptr<const core::FetchRules> fetch;            // of files that requests link to
  std::shared_ptr<const AffinityRules> affinity;            // null: off
  std::shared_ptr<const core::WordFinder> sensitive_words;  // null: prompts are not searched
  double violation_fee = 0;                                 // dollars; 0: none
  bool pass_body = false;
  std::optional<std::chrono::milliseconds> ping_interval;  // of keep-alives, instead of the variables
  ModelLimits model_limits;
  LoadThresholds load;
};

struct TransparentHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};
template <class T>
using NameMap = std::unordered_map<std::string, T, TransparentHash, std::equal_to<>>;

struct Snapshot {
  std::uint64_t version = 0;
  std::uint64_t content = 0;  // stands for the rows it was read from: equal as long as they are
  std::shared_ptr<const core::Options> options;
  RelayOptions relay;
  std::shared_ptr<const billing::PriceBook> prices;
  std::vector<std::unique_ptr<const Channel>> channels;
  NameMap<NameMap<std::vector<Candidate>>> candidates;  // group → model → in descending priority
  NameMap<std::string> endpoint_types;                  // model → JSON array, for model lists

  // Candidates of (group, model), or of the name that variants of the model share; empty when none.
  std::span<const Candidate> find(std::string_view group, std::string_view model) const;
  const Channel* channel(core::ChannelId id) const;
  bool group_usable(std::string_view user_group, std::string_view group) const;
};

// How the process is set up, for what a channel leaves open.
struct SnapshotDefaults {
  net::Timeouts timeouts;
  net::EnvironmentProxies proxies;  // of channels that name none
  std::string azure_api_version = "2025-04-01-preview";
  std::string link_base;  // in links, while no option says otherwise
};

core::Result<std::shared_ptr<const Snapshot>> load_snapshot(sql::Connection& db, const SnapshotDefaults& defaults);

// The one in force. get() is for any thread; a worker keeps what it got and asks again when version() has moved.
class SnapshotHolder {
 public:
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  std::shared_ptr<const Snapshot> get() const;
  void replace(std::shared_ptr<const Snapshot> snapshot);

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> current_;
  std::atomic<std::uint64_t> version_{0};
};

}  // namespace tollgate::relay
