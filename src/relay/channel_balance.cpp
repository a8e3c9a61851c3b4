#include "relay/channel_balance.h"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <boost/json.hpp>
#include <charconv>

#include "core/log.h"
#include "core/mask.h"
#include "model/channel_status.h"
#include "net/http_client.h"

namespace tollgate::relay {
namespace {

namespace json = boost::json;

constexpr std::int64_t kOpenAi = 1, kCustom = 8, kAiProxy = 10, kApi2Gpt = 12, kAigc2d = 13, kOpenRouter = 20,
                       kMoonshot = 25, kSiliconFlow = 40, kDeepSeek = 43;
constexpr std::size_t kMostOfAnswer = 1U << 20U;
constexpr std::chrono::milliseconds kLimit{30'000};

struct Vendor {
  std::int64_t type;
  std::string_view base_url, path;
};
// The base is not always that of the models.
constexpr Vendor kVendors[] = {
    {kOpenAi, "https://api.openai.com", "/v1/dashboard/billing/subscription"},
    {kCustom, "", "/v1/dashboard/billing/subscription"},
    {kAiProxy, "https://aiproxy.io", "/api/report/getUserOverview"},
    {kApi2Gpt, "https://api.api2gpt.com", "/dashboard/billing/credit_grants"},
    {kAigc2d, "https://api.aigc2d.com", "/dashboard/billing/credit_grants"},
    {kOpenRouter, "https://openrouter.ai/api", "/v1/credits"},
    {kMoonshot, "https://api.moonshot.cn", "/v1/users/me/balance"},
    {kSiliconFlow, "https://api.siliconflow.cn", "/v1/user/info"},
    {kDeepSeek, "https://api.deepseek.com", "/user/balance"},
};

const Vendor* find_vendor(std::int64_t type) {
  for (const auto& vendor : kVendors)
    if (vendor.type == type) return &vendor;
  return nullptr;
}

core::Error failed(std::string message) { return core::error(core::Errc::kInvalid, std::move(message)); }

core::Result<json::object> object_of(std::string_view text) {
  boost::system::error_code ec;
  auto value = json::parse(json::string_view(text.data(), text.size()), ec);
  if (ec || !value.is_object()) return failed("the vendor's answer is not valid JSON");
  return std::move(value.get_object());
}

const json::object& inner(const json::object& object, const char* name) {
  static const json::object kNone;
  const auto* value = object.if_contains(name);
  return value && value->is_object() ? value->get_object() : kNone;
}

std::string text(const json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool truth(const json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  return value && value->is_bool() && value->get_bool();
}

// A number, or a text that spells one: a vendor that says nothing has not said zero.
core::Result<double> amount(const json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  if (value && value->is_number()) return value->to_number<double>();
  if (value && value->is_string()) {
    const auto& spelled = value->get_string();
    double out = 0;
    auto [end, ec] = std::from_chars(spelled.data(), spelled.data() + spelled.size(), out);
    if (ec == std::errc() && end == spelled.data() + spelled.size()) return out;
  }
  return failed(fmt::format("the vendor's answer has no {}", name));
}

std::int64_t integer(const json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  return value && value->is_int64() ? value->get_int64() : 0;
}

core::Result<double> openai(const json::object& subscription, std::string_view usage_text) {
  auto limit = amount(subscription, "hard_limit_usd");
  auto usage = object_of(usage_text);
  auto used = usage ? amount(*usage, "total_usage") : core::Result<double>(usage.error());
  if (!limit) return limit.error();
  if (!used) return used.error();
  return *limit - *used / 100;
}

core::Result<double> deepseek(const json::object& answer, const core::Options& options) {
  const auto* infos = answer.if_contains("balance_infos");
  auto in = [&](std::string_view currency) -> core::Result<double> {
    if (infos && infos->is_array())
      for (const auto& info : infos->get_array())
        if (info.is_object() && text(info.get_object(), "currency") == currency)
          return amount(info.get_object(), "total_balance");
    return failed(fmt::format("currency {} not found", currency));
  };
  if (auto dollars = in("USD")) return dollars;
  auto yuan = in("CNY");
  const auto rate = options.real("USDExchangeRate");
  if (!yuan || rate <= 0) return yuan;
  return *yuan / rate;
}

core::Result<double> moonshot(const json::object& answer, const core::Options& options) {
  const auto code = integer(answer, "code");
  if (!truth(answer, "status") || code != 0)
    return failed(fmt::format("failed to update moonshot balance, status: {}, code: {}, scode: {}",
                              truth(answer, "status"), code, text(answer, "scode")));
  auto yuan = amount(inner(answer, "data"), "available_balance");
  const auto price = options.real("Price");
  if (!yuan || price <= 0) return yuan;
  return *yuan / price;
}

std::string day(std::int64_t unix_time, bool first_of_month) {
  auto local = fmt::localtime(static_cast<std::time_t>(unix_time));
  if (first_of_month) local.tm_mday = 1;
  return fmt::format("{:%Y-%m-%d}", local);
}

std::string_view without_slash(std::string_view base) {
  while (base.ends_with('/')) base.remove_suffix(1);
  return base;
}

struct Answer {
  int status = 0;
  std::string body;
  std::string failure;
};

net::awaitable<Answer> get(const net::Url& url, const BalanceCall& call, const Channel& channel, bool verify_tls) {
  const std::vector<net::Header> headers{{call.header, call.value}, {"Accept", "application/json"}};
  net::UpstreamRequest request;
  request.method = "GET";
  request.url = &url;
  request.headers = headers;
  request.proxy = channel.proxy ? &*channel.proxy : nullptr;
  request.timeouts = {.connect = channel.timeouts.connect, .first_byte = kLimit, .gap = kLimit, .total = kLimit};
  request.verify_tls = verify_tls;
  net::CallControl control;
  Answer answer;
  auto sent = co_await net::Worker::current().upstreams().send(request, control);
  if (!sent) {
    answer.failure = core::mask_sensitive(sent.error().message);
    co_return answer;
  }
  answer.status = (*sent)->status();
  for (;;) {
    auto got = co_await (*sent)->read();
    if (!got) {
      answer.failure = core::mask_sensitive(got.error().message);
      break;
    }
    if (got->empty()) break;
    answer.body += *got;
    if (answer.body.size() > kMostOfAnswer) {
      answer.failure = "the vendor's answer is too long";
      break;
    }
  }
  co_return answer;
}

sql::Result<void> store(sql::Pool& pool, const sql::Fence& fence, core::ChannelId id, double balance,
                        std::int64_t now) {
  auto lease = pool.lease();
  if (!lease) return lease.error();
  return sql::with_fence(**lease, fence,
                         [&](sql::Connection& db) { return model::set_channel_balance(db, id, balance, now); });
}

}  // namespace

core::Result<BalanceCall> balance_call(std::int64_t type, std::string_view base_url, std::string_view key) {
  const auto* vendor = find_vendor(type);
  if (!vendor) return core::error(core::Errc::kUnsupported, "尚未实现");
  const auto base = without_slash(base_url.empty() ? vendor->base_url : base_url);
  if (base.empty()) return failed("the channel has no address");
  BalanceCall call{std::string(base) + std::string(vendor->path), "Authorization", "Bearer " + std::string(key)};
  if (type == kAiProxy) {
    call.header = "Api-Key";
    call.value = key;
  }
  return call;
}

core::Result<BalanceCall> usage_call(std::string_view base_url, std::string_view key, std::string_view subscription,
                                     std::int64_t unix_now) {
  auto answer = object_of(subscription);
  if (!answer) return answer.error();
  const bool pays = truth(*answer, "has_payment_method");
  constexpr std::int64_t kHundredDays = 100 * 86'400;
  const auto base = without_slash(base_url.empty() ? find_vendor(kOpenAi)->base_url : base_url);
  return BalanceCall{
      fmt::format("{}/v1/dashboard/billing/usage?start_date={}&end_date={}", base,
                  pays ? day(unix_now, true) : day(unix_now - kHundredDays, false), day(unix_now, false)),
      "Authorization", "Bearer " + std::string(key)};
}

core::Result<double> read_balance(std::int64_t type, std::string_view answer, std::string_view usage,
                                  const core::Options& options) {
  auto read = object_of(answer);
  if (!read) return read.error();
  const auto& object = *read;
  switch (type) {
    case kOpenAi:
    case kCustom: return openai(object, usage);
    case kAiProxy:
      if (!truth(object, "success"))
        return failed(fmt::format("code: {}, message: {}", integer(object, "error_code"), text(object, "message")));
      return amount(inner(object, "data"), "totalPoints");
    case kApi2Gpt: return amount(object, "total_remaining");
    case kAigc2d: return amount(object, "total_available");
    case kOpenRouter: {
      auto granted = amount(inner(object, "data"), "total_credits");
      auto used = amount(inner(object, "data"), "total_usage");
      if (!granted) return granted;
      if (!used) return used;
      return *granted - *used;
    }
    case kMoonshot: return moonshot(object, options);
    case kSiliconFlow:
      if (integer(object, "code") != 20000)
        return failed(fmt::format("code: {}, message: {}", integer(object, "code"), text(object, "message")));
      return amount(inner(object, "data"), "totalBalance");
    case kDeepSeek: return deepseek(object, options);
    default: return core::error(core::Errc::kUnsupported, "尚未实现");
  }
}

core::Result<std::string> ChannelBalances::ask(const Channel& channel, const BalanceCall& call) {
  auto url = net::parse_url(call.url);
  if (!url) return failed("the channel's address cannot be used");
  if (call.value.find_first_of("\r\n") != std::string::npos) return failed("the channel's key is not usable");
  auto answer =
      workers_.run<Answer>([&, target = *url, asked = call] { return get(target, asked, channel, verify_tls_); });
  if (!answer) return core::error(core::Errc::kCancelled, "the gateway is stopping");
  if (!answer->failure.empty()) return failed(answer->failure);
  if (answer->status != 200) return failed(fmt::format("status code: {}", answer->status));
  return std::move(answer->body);
}

core::Result<double> ChannelBalances::update(core::ChannelId id, const JobRun& run) {
  const auto snapshot = snapshots_.get();
  const auto* channel = snapshot->channel(id);
  if (!channel || !channel->provider) return failed(fmt::format("渠道# {}，已不存在", id.value));
  if (channel->several_keys) return failed("多密钥渠道不支持余额查询");
  if (channel->keys.empty()) return failed("no enabled keys");
  if (!channel->bad_proxy.empty()) return failed("the channel's proxy cannot be used: " + channel->bad_proxy);
  const auto type = channel->provider->type;
  const auto& key = channel->keys.front().text;
  auto call = balance_call(type, channel->base_url, key);
  if (!call) return call.error();
  auto answer = ask(*channel, *call);
  if (!answer) return answer.error();
  std::string usage;
  if (type == kOpenAi || type == kCustom) {
    auto second = usage_call(channel->base_url, key, *answer, clock_.unix_seconds());
    auto used = second ? ask(*channel, *second) : core::Result<std::string>(second.error());
    if (!used) return used.error();
    usage = std::move(*used);
  }
  auto balance = read_balance(type, *answer, usage, *snapshot->options);
  if (!balance) return balance;
  if (!run.goes_on()) return core::error(core::Errc::kCancelled, "another node does this now");
  if (auto stored = store(pool_, run.fence, id, *balance, clock_.unix_seconds()); !stored) {
    core::log::warn("channel {}: its balance is not stored: {}", id.value, stored.error().message);
    return core::error(core::Errc::kUnavailable, "database error");
  }
  return balance;
}

bool ChannelBalances::update_all(const JobRun& run) {
  std::unique_lock one_at_a_time(running_, std::try_to_lock);
  if (!one_at_a_time) return false;
  const auto snapshot = snapshots_.get();
  for (const auto& channel : snapshot->channels) {
    if (workers_.stopping() || !run.goes_on()) break;
    if (!channel->enabled || channel->several_keys) continue;
    auto balance = update(channel->id, run);
    if (!balance) {
      core::log::debug("channel {} ({}): its balance is not known: {}", channel->id.value, channel->name,
                       balance.error().message);
      continue;
    }
    if (*balance <= 0 && channel->auto_ban)
      health_.report({channel->id, channel->name, channel->keys.front().text, "余额不足", run.fence});
    if (pause_.count() > 0 && !workers_.pause(pause_)) break;
  }
  return true;
}

}  // namespace tollgate::relay
