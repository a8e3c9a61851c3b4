#include "relay/snapshot.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "core/ascii.h"
#include "core/config.h"
#include "core/log.h"
#include "model/channel.h"
#include "model/option.h"
#include "relay/endpoint_types.h"
#include "relay/routes.h"

namespace tollgate::relay {
namespace {

namespace json = boost::json;

json::value parse(std::string_view text) {
  boost::system::error_code ec;
  auto value = json::parse(text, ec);
  return ec ? json::value() : value;
}

bool flag(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_bool() && value->get_bool();
}

std::string text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<std::chrono::milliseconds> seconds(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (!value || !value->is_number()) return std::nullopt;
  auto number = value->to_number<double>();
  if (!(number > 0) || number > 1e7) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(number * 1000));
}

std::map<std::string, std::string, std::less<>> text_map(std::string_view source) {
  std::map<std::string, std::string, std::less<>> out;
  auto value = parse(source);
  if (const auto* object = value.if_object())
    for (const auto& [key, item] : *object)
      if (item.is_string()) out.emplace(key, item.get_string());
  return out;
}

// One keyword a line, lower case.
std::vector<std::string> keywords(std::string_view source) {
  std::vector<std::string> out;
  while (!source.empty()) {
    auto line = source.substr(0, source.find('\n'));
    source.remove_prefix(std::min(source.size(), line.size() + 1));
    if (auto keyword = core::trimmed(line); !keyword.empty()) out.push_back(core::ascii_lower(keyword));
  }
  return out;
}

void read_model_mapping(const model::Channel& row, Channel& channel) {
  if (row.model_mapping.empty() || row.model_mapping == "{}") return;
  auto value = parse(row.model_mapping);
  const auto* object = value.if_object();
  channel.mapping_broken = object == nullptr;
  if (!object) return;
  for (const auto& [from, to] : *object) {
    if (!to.is_string())
      channel.mapping_broken = true;
    else if (!to.get_string().empty())
      channel.model_mapping.emplace(from, to.get_string());
  }
}

void read_status_mapping(const model::Channel& row, Channel& channel) {
  auto value = parse(row.status_code_mapping);
  const auto* object = value.if_object();
  if (!object) return;
  std::map<int, int> mapping;
  for (const auto& [from, to] : *object) {
    if (!to.is_string()) return;
    auto status = core::parse_integer(std::string(from)), target = core::parse_integer(std::string(to.get_string()));
    // An entry that is no number would make the status 0: it is left out.
    if (status && target) mapping[static_cast<int>(*status)] = static_cast<int>(*target);
  }
  channel.status_mapping = std::move(mapping);
}

void read_setting(const model::Channel& row, Channel& channel) {
  auto setting = parse(row.setting);
  if (const auto* object = setting.if_object()) {
    channel.system_prompt = text(*object, "system_prompt");
    channel.system_prompt_override = flag(*object, "system_prompt_override");
    channel.pass_body = flag(*object, "pass_through_body_enabled");
    channel.reshape.canonical = flag(*object, "force_format");
    channel.reshape.thinking_to_content = flag(*object, "thinking_to_content");
    if (auto proxy = text(*object, "proxy"); !proxy.empty()) {
      auto url = net::parse_url(proxy);
      auto scheme = proxy.substr(0, proxy.find("://"));
      if (url)
        channel.proxy = std::move(*url);
      else if (scheme != proxy && url.error().message == "unsupported URL scheme")
        channel.bad_proxy = "unsupported proxy scheme: " + scheme;
      else
        channel.bad_proxy = url.error().message;
    }
    if (const auto* own = object->if_contains("tg"); own && own->is_object()) {
      const auto& tg = own->get_object();
      channel.done_is_end = flag(tg, "done_is_end");
      channel.pass_limits = flag(tg, "pass_limits");
      channel.drains = text(tg, "on_disconnect") == "drain";
      channel.bills_after_cancel = flag(tg, "bills_after_cancel");
      if (const auto* limits = tg.if_contains("timeouts"); limits && limits->is_object()) {
        const auto& table = limits->get_object();
        if (auto value = seconds(table, "connect_s")) channel.timeouts.connect = *value;
        if (auto value = seconds(table, "first_byte_s")) channel.timeouts.first_byte = *value;
        if (auto value = seconds(table, "gap_s")) channel.timeouts.gap = *value;
        if (auto value = seconds(table, "total_s")) channel.timeouts.total = *value;
      }
    }
  }
  auto other = parse(row.settings);
  if (const auto* object = other.if_object()) {
    channel.allow_service_tier = flag(*object, "allow_service_tier");
    channel.disable_store = flag(*object, "disable_store");
    channel.allow_safety_identifier = flag(*object, "allow_safety_identifier");
    channel.enterprise_answers = row.type == 20 && flag(*object, "openrouter_enterprise");
  }
}

void read_keys(const model::Channel& row, Channel& channel) {
  auto info = parse(row.channel_info);
  const auto* object = info.if_object();
  channel.several_keys = object && flag(*object, "is_multi_key");
  if (!channel.several_keys) {
    channel.keys.push_back({row.key, 0});
    channel.all_keys = 1;
    return;
  }
  const auto mode = text(*object, "multi_key_mode");
  if (mode == "random") channel.key_choice = KeyChoice::kRandom;
  if (mode == "polling") {
    channel.key_choice = KeyChoice::kPolling;
    const auto* stored = object->if_contains("multi_key_polling_index");
    std::int64_t next = stored && stored->is_int64() ? stored->get_int64() : 0;
    channel.next_key = std::make_shared<std::atomic<std::uint32_t>>(
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(next, 0, INT32_MAX)));
  }
  std::set<int> disabled;
  if (const auto* list = object->if_contains("multi_key_status_list"); list && list->is_object())
    for (const auto& [index, status] : list->get_object())
      if (status.is_number() && status.to_number<std::int64_t>() != 1)
        disabled.insert(std::atoi(std::string(index).c_str()));
  int index = 0;
  for (auto& key : model::split_keys(row.key)) {
    if (!disabled.contains(index)) channel.keys.push_back({std::move(key), index});
    ++index;
  }
  channel.all_keys = static_cast<std::size_t>(index);
}

void read_addresses(Channel& channel) {
  if (!channel.provider || !provider::has_fixed_addresses(*channel.provider)) return;
  for (const auto& route : routes()) {
    auto address = provider::upstream_url(*channel.provider, {.base_url = channel.base_url, .route = route.kind});
    auto url = address ? net::parse_url(*address) : core::Result<net::Url>(address.error());
    if (url) channel.addresses.emplace(route.kind, std::move(*url));
  }
}

// What only some types ask for.
void read_provider_facts(const model::Channel& row, const SnapshotDefaults& defaults, const core::Options& options,
                         Channel& channel) {
  constexpr std::int64_t kDotsInDeployments = 1'746'835'200;  // 2025-05-10 00:00 UTC
  channel.other = row.other;
  if (row.type == 3) {
    if (channel.other.empty()) channel.other = defaults.azure_api_version;
    channel.dotless_deployment = row.created_time < kDotsInDeployments;
  }
  if (!channel.provider) return;
  channel.reshape.whole_completion = channel.provider->usage.completion_without_reasoning;
  if (!channel.proxy && channel.bad_proxy.empty()) {
    auto address = provider::upstream_url(*channel.provider, {.base_url = channel.base_url, .other = channel.other});
    auto target = address ? net::parse_url(*address) : core::Result<net::Url>(address.error());
    const auto* proxy = target ? defaults.proxies.proxy_for(*target) : nullptr;
    if (proxy) channel.proxy = *proxy;
  }
  if (channel.provider->site_headers)
    channel.site_headers =
        channel.provider->site_headers({.name = options.text("SystemName"), .address = options.link_base()});
  auto names = parse(options.text("global.thinking_model_blacklist"));
  if (const auto* list = names.if_array())
    for (const auto& name : *list)
      if (name.is_string()) channel.keeps_thinking.emplace(core::trimmed(name.get_string()));
}

std::unique_ptr<const Channel> read_channel(const model::Channel& row, const SnapshotDefaults& defaults,
                                            const core::Options& options) {
  auto channel = std::make_unique<Channel>();
  channel->id = row.id;
  channel->name = row.name;
  channel->provider = provider::find_provider(row.type);
  channel->base_url = row.base_url;
  channel->organization = row.type == 1 ? row.openai_organization : std::string();
  channel->enabled = row.status == 1;
  channel->auto_ban = row.auto_ban == 1;
  channel->timeouts = defaults.timeouts;
  read_keys(row, *channel);
  read_model_mapping(row, *channel);
  read_status_mapping(row, *channel);
  read_setting(row, *channel);
  read_provider_facts(row, defaults, options, *channel);
  read_addresses(*channel);
  channel->body_override = dialect::BodyOverride::compile(row.param_override);
  channel->header_override = provider::HeaderOverride::compile(row.header_override);
  for (auto& group : model::split_list(row.group)) channel->groups.insert(std::move(group));
  for (auto& name : model::split_list(row.models)) channel->models.insert(std::move(name));
  if (!channel->provider || !channel->provider->built()) channel->not_built = "speak the format of its type";
  if (channel->enabled && !channel->not_built.empty()) {
    core::log::warn("channel {} ({}) is not used: this build does not {}", row.id.value, row.name, channel->not_built);
    channel->enabled = false;
  }
  return channel;
}

RelayOptions read_options(const core::Options& options) {
  RelayOptions out;
  out.retry_times = static_cast<int>(std::clamp<std::int64_t>(options.integer("RetryTimes"), 0, 100));
  out.log_consume = options.boolean("LogConsumeEnabled");
  out.data_export = options.boolean("DataExportEnabled");
  out.retry_statuses = StatusRanges(options.text("AutomaticRetryStatusCodes"));
  out.disable_automatically = options.boolean("AutomaticDisableChannelEnabled");
  out.enable_automatically = options.boolean("AutomaticEnableChannelEnabled");
  out.disable_statuses = StatusRanges(options.text("AutomaticDisableStatusCodes"));
  out.disable_keywords = keywords(options.text("AutomaticDisableKeywords"));
  out.usable_groups = text_map(options.text("UserUsableGroups"));
  auto special = parse(options.text("group_ratio_setting.group_special_usable_group"));
  if (const auto* object = special.if_object())
    for (const auto& [group, entries] : *object) out.special_groups.emplace(group, text_map(json::serialize(entries)));
  auto groups = parse(options.text("AutoGroups"));
  if (const auto* list = groups.if_array())
    for (const auto& item : *list)
      if (item.is_string()) out.auto_groups.emplace_back(item.get_string());
  out.quota_display = options.text("general_setting.quota_display_type");
  out.usd_exchange_rate = options.real("USDExchangeRate");
  out.currency_symbol = options.text("general_setting.custom_currency_symbol");
  out.currency_rate = options.real("general_setting.custom_currency_exchange_rate");
  out.fetch = std::make_shared<core::FetchRules>(options);
  out.affinity = read_affinity_rules(options);
  if (options.boolean("CheckSensitiveEnabled") && options.boolean("CheckSensitiveOnPromptEnabled")) {
    auto words = std::make_shared<const core::WordFinder>(keywords(options.text("SensitiveWords")));
    if (!words->empty()) out.sensitive_words = std::move(words);
  }
  if (options.boolean("grok.violation_deduction_enabled"))
    out.violation_fee = options.real("grok.violation_deduction_amount");
  out.validation_is_500 = options.text("tg.validation_status") == "500";
  out.remind_threshold = options.real("QuotaRemindThreshold");
  out.pass_body = options.boolean("global.pass_through_request_enabled");
  out.model_limits = ModelLimits::of(options);
  out.load = LoadThresholds::of(options);
  if (options.boolean("general_setting.ping_interval_enabled"))
    out.ping_interval = std::chrono::seconds(options.integer("general_setting.ping_interval_seconds"));
  return out;
}

NameMap<std::string> endpoint_types_of(const std::vector<std::unique_ptr<const Channel>>& channels) {
  NameMap<std::vector<int>> types;
  for (const auto& channel : channels)
    if (channel->enabled && !channel->groups.empty())
      for (const auto& name : channel->models) types[name].push_back(channel->provider->type);
  NameMap<std::string> out;
  for (const auto& [name, list] : types) {
    std::string text;
    for (auto kind : endpoint_types(name, list)) text += (text.empty() ? "\"" : ",\"") + std::string(kind) + '"';
    out.emplace(name, "[" + text + "]");
  }
  return out;
}

std::uint64_t content_of(const std::vector<std::pair<std::string, std::string>>& options,
                         const std::vector<model::Channel>& channels) {
  // Rows of options come in any order.
  std::uint64_t sum = 0;
  const std::hash<std::string_view> hash;
  for (const auto& [key, value] : options) sum += hash(key) * 31 + hash(value);
  for (const auto& c : channels) {
    std::string text = fmt::format("{} {} {} {} {} {}", c.id.value, c.type, c.status, c.weight, c.priority, c.auto_ban);
    for (const auto* part : {&c.key, &c.openai_organization, &c.test_model, &c.name, &c.base_url, &c.other, &c.models,
                             &c.group, &c.model_mapping, &c.status_code_mapping, &c.setting, &c.param_override,
                             &c.header_override, &c.channel_info, &c.settings})
      (text += '\0') += *part;
    sum += hash(text);
  }
  return sum;
}

}  // namespace

std::span<const Candidate> Snapshot::find(std::string_view group, std::string_view model) const {
  auto models = candidates.find(group);
  if (models == candidates.end()) return {};
  auto found = models->second.find(model);
  if (found == models->second.end()) {
    auto shared = billing::matching_name(model);
    if (shared == model) return {};
    found = models->second.find(shared);
    if (found == models->second.end()) return {};
  }
  return found->second;
}

const Channel* Snapshot::channel(core::ChannelId id) const {
  for (const auto& channel : channels)
    if (channel->id == id) return channel.get();
  return nullptr;
}

bool Snapshot::group_usable(std::string_view user_group, std::string_view group) const {
  if (user_group == group) return true;
  bool usable = relay.usable_groups.contains(group);
  auto special = relay.special_groups.find(user_group);
  if (special != relay.special_groups.end()) {
    for (const auto& [key, description] : special->second) {
      std::string_view name = key;
      bool removes = name.starts_with("-:");
      if (removes || name.starts_with("+:")) name.remove_prefix(2);
      if (name == group) usable = !removes;
    }
  }
  return usable;
}

core::Result<std::shared_ptr<const Snapshot>> load_snapshot(sql::Connection& db, const SnapshotDefaults& defaults) {
  auto rows = model::load_options(db);
  if (!rows) return core::error(core::Errc::kUnavailable, "options: " + rows.error().message);
  auto channels = model::all_channels(db);
  if (!channels) return core::error(core::Errc::kUnavailable, "channels: " + channels.error().message);

  auto snapshot = std::make_shared<Snapshot>();
  snapshot->content = content_of(*rows, *channels);
  core::OptionRows stored;
  for (auto& [key, value] : *rows) stored.insert_or_assign(std::move(key), std::move(value));
  auto options = std::make_shared<core::Options>(stored, defaults.link_base);
  snapshot->relay = read_options(*options);
  snapshot->prices = std::make_shared<const billing::PriceBook>(options->all());
  snapshot->options = std::move(options);
  for (const auto& row : *channels) {
    auto channel = read_channel(row, defaults, *snapshot->options);
    if (channel->enabled) {
      for (const auto& group : channel->groups)
        for (const auto& name : channel->models)
          snapshot->candidates[group][name].push_back(
              {channel.get(), row.priority, std::max<std::int64_t>(row.weight, 0)});
    }
    snapshot->channels.push_back(std::move(channel));
  }
  snapshot->endpoint_types = endpoint_types_of(snapshot->channels);
  for (auto& [group, models] : snapshot->candidates)
    for (auto& [name, list] : models)
      std::sort(list.begin(), list.end(), [](const Candidate& a, const Candidate& b) {
        return a.priority != b.priority ? a.priority > b.priority : a.channel->id < b.channel->id;
      });
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

std::shared_ptr<const Snapshot> SnapshotHolder::get() const {
  std::lock_guard lock(mutex_);
  return current_;
}

void SnapshotHolder::replace(std::shared_ptr<const Snapshot> snapshot) {
  std::lock_guard lock(mutex_);
  // Keys that take turns go on where they were.
  if (current_) {
    std::unordered_map<std::int64_t, std::shared_ptr<std::atomic<std::uint32_t>>> turns;
    for (const auto& channel : current_->channels)
      if (channel->next_key) turns.emplace(channel->id.value, channel->next_key);
    for (const auto& channel : snapshot->channels)
      if (auto turn = turns.find(channel->id.value); channel->next_key && turn != turns.end())
        const_cast<Channel&>(*channel).next_key = turn->second;
  }
  auto version = version_.load(std::memory_order_relaxed) + 1;
  std::const_pointer_cast<Snapshot>(snapshot)->version = version;
  current_ = std::move(snapshot);
  version_.store(version, std::memory_order_release);
}

}  // namespace tollgate::relay
