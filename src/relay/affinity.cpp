#include "relay/affinity.h"

#include <fmt/core.h>
#include <openssl/evp.h>

#include "core/ascii.h"
#include "core/byte_text.h"
#include "core/json_path.h"
#include "core/json_text.h"
#include "relay/affinity_store.h"
#include "relay/request.h"

namespace tollgate::relay {
namespace {

constexpr std::size_t kLongestValue = 256;  // kept as it is; of longer ones a digest

std::string digest(const EVP_MD* kind, std::string_view text) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), bytes, &size, kind, nullptr);
  return core::hex_digits({reinterpret_cast<const char*>(bytes), size});
}

std::string trimmed(std::string_view text) { return std::string(core::trimmed(text, " \t\r\n\v\f")); }

std::int64_t context_int(const Request& request, std::string_view key) {
  if (key == "id") return request.identity->user.value;
  if (key == "token_id") return request.identity->token.id.value;
  return 0;
}

std::string context_string(const Request& request, std::string_view key) {
  const auto& identity = *request.identity;
  if (key == "group") return request.group;
  if (key == "token_group") return identity.token.group;
  if (key == "user_group") return identity.user_group;
  if (key == "username") return identity.username;
  if (key == "token_name") return identity.token.name;
  return {};
}

std::string value_of(const Request& request, const AffinitySource& source) {
  switch (source.kind) {
    case AffinitySource::Kind::kNone: return {};
    case AffinitySource::Kind::kContextInt: {
      auto value = context_int(request, source.key);
      return value > 0 ? std::to_string(value) : std::string();
    }
    case AffinitySource::Kind::kContextString: return trimmed(context_string(request, source.key));
    case AffinitySource::Kind::kBody:
      if (source.path.empty() || request.body.empty()) return {};
      return trimmed(core::json_as_text(core::find_json(request.body, source.path).raw(request.body)));
  }
  return {};
}

std::unique_ptr<Affinity> apply(const Request& request, const AffinityRule& rule) {
  for (const auto& source : rule.sources) {
    auto value = value_of(request, source);
    if (value.empty()) continue;
    if (!rule.takes_value(value)) return nullptr;
    auto affinity = std::make_unique<Affinity>();
    affinity->rule = &rule;
    affinity->source = &source;
    affinity->group = request.group;
    if (rule.with_name) affinity->cache_key += rule.name + ":";
    if (rule.with_group) affinity->cache_key += request.group + ":";
    affinity->cache_key += value.size() <= kLongestValue ? value : digest(EVP_sha256(), value);
    affinity->fingerprint = affinity_fingerprint(value);
    affinity->hint = affinity_hint(value);
    return affinity;
  }
  return nullptr;
}

// The channel when it is enabled and serves the model in this group.
const Channel* serving(const Request& request, std::string_view group, core::ChannelId id) {
  for (const auto& candidate : request.snapshot->find(group, request.openai.model))
    if (candidate.channel->id == id) return candidate.channel;
  return nullptr;
}

}  // namespace

std::string affinity_fingerprint(std::string_view value) { return digest(EVP_sha1(), value).substr(0, 8); }

std::string affinity_hint(std::string_view value) {
  std::string hint(value);
  if (value.size() > 12) hint = fmt::format("{}...{}", value.substr(0, 4), value.substr(value.size() - 4));
  for (char& c : hint)
    if (c == '\n' || c == '\r') c = ' ';
  return hint;
}

net::awaitable<void> find_affinity(Request& request) {
  const auto& rules = request.snapshot->relay.affinity;
  if (!rules || request.pinned) co_return;
  const auto& applying = request.local.affinity_models.find(rules, request.openai.model, request.exchange.head().path);
  for (const auto* rule : applying) {
    if (!rule->user_agents.empty() && !rule->takes_agent(request.exchange.header("user-agent").value_or(""))) continue;
    request.affinity = apply(request, *rule);
    if (request.affinity) break;
  }
  if (request.affinity)
    request.affinity->remembered = co_await request.relay.affinity_channels->find(request.affinity->cache_key);
}

bool use_affinity(Request& request) {
  if (!request.affinity || !request.affinity->remembered) return false;
  auto& affinity = *request.affinity;
  const auto& snapshot = *request.snapshot;
  auto take = [&](const std::string& group) {
    const auto* channel = serving(request, group, *affinity.remembered);
    if (!channel) return false;
    request.channel = channel;
    affinity.selected_group = group;
    request.group = group;
    return true;
  };
  if (request.asked_group != "auto") return take(request.asked_group);
  for (const auto& group : snapshot.relay.auto_groups)
    if (snapshot.group_usable(request.identity->user_group, group) && take(group)) return true;
  return false;
}

void remember_channel(const Request& request) {
  if (!request.affinity || request.attempts.empty()) return;
  const auto& rules = *request.snapshot->relay.affinity;
  const auto& attempt = rules.switch_on_success ? request.attempts.back() : request.attempts.front();
  request.relay.affinity_channels->put(request.affinity->cache_key, attempt.channel, request.affinity->rule->ttl,
                                       rules.max_entries);
}

void count_affinity_usage(const Request& request, const billing::Usage& usage) {
  const auto& affinity = *request.affinity;
  request.relay.affinity_usages.add(affinity.rule->name, affinity.group, affinity.fingerprint, usage,
                                    affinity.rule->ttl, request.snapshot->relay.affinity->max_entries);
}

std::string affinity_json(const Request& request) {
  const auto& affinity = *request.affinity;
  const auto text = [](std::string_view value) { return core::json_string(value); };
  return fmt::format(
      "{{\"reason\":{},\"rule_name\":{},\"using_group\":{},\"selected_group\":{},\"model\":{},\"request_path\":{},"
      "\"channel_id\":{},\"key_source\":{},\"key_key\":{},\"key_path\":{},\"key_hint\":{},\"key_fp\":{}}}",
      text(affinity.rule->name), text(affinity.rule->name), text(affinity.group), text(affinity.selected_group),
      text(request.openai.model), text(request.exchange.head().path), affinity.remembered->value,
      text(affinity.source->type), text(affinity.source->key), text(affinity.source->path), text(affinity.hint),
      text(affinity.fingerprint));
}

}  // namespace tollgate::relay
