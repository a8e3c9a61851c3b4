#include "redis/rate_limits.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>

namespace tollgate::redis {

using core::RateAnswer;
using core::RateRule;
using core::RateStep;

namespace {

// Lists of times, newest first. KEYS[1] the list; ARGV: limit, window in seconds, now, life of the key in seconds,
// step: 0 looks, 1 counts what may pass, 2 counts in any case. Times from the future (another zone, another clock)
// count as now. Answers: may it pass, requests within the window, milliseconds since the oldest of them.
const Script kList(R"lua(
local function ms(s)
  local y,mo,d,h,mi,se,f = string.match(s, '^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)%.(%d+)Z$')
  if not y then return nil end
  y,mo,d = tonumber(y),tonumber(mo),tonumber(d)
  if mo <= 2 then y = y - 1 end
  local era = math.floor(y/400)
  local yoe = y - era*400
  local doy = math.floor((153*(mo + (mo > 2 and -3 or 9)) + 2)/5) + d - 1
  local doe = yoe*365 + math.floor(yoe/4) - math.floor(yoe/100) + doy
  return (((era*146097 + doe)*24 + tonumber(h))*60 + tonumber(mi))*60000 + tonumber(se)*1000 + tonumber(f)
end
local key, limit, window, now = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])*1000, ms(ARGV[3])
local function age(i)
  local at = ms(redis.call('LINDEX', key, i))
  if not at then return nil end
  return math.max(0, now - at)
end
local n = redis.call('LLEN', key)
if n > 0 and not age(n - 1) then
  redis.call('DEL', key)
  n = 0
end
-- How many are within the window: the list is ordered, so halves are searched.
local from, to = 0, n
while from < to do
  local middle = math.floor((from + to)/2)
  local a = age(middle)
  if a and math.floor(a/1000)*1000 < window then from = middle + 1 else to = middle end
end
local inside = from
local pass = inside < limit
if ARGV[5] == '2' or (pass and ARGV[5] == '1') then
  redis.call('LPUSH', key, ARGV[3])
  redis.call('LTRIM', key, 0, limit - 1)
  inside = math.min(limit, inside + 1)
end
redis.call('EXPIRE', key, ARGV[4])
local oldest = -1
if inside > 0 then oldest = age(inside - 1) or 0 end
return {pass and 1 or 0, inside, oldest}
)lua");

// A bucket that fills up again. KEYS[1] the hash; ARGV: units of a request, units a second, capacity. Whole seconds of
// the server, as the compatible product counts them; unlike there the key has a life.
const Script kBucket(R"lua(
local requested, rate, capacity = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(redis.call('TIME')[1])
local have = redis.call('HMGET', KEYS[1], 'tokens', 'last_time')
local tokens, last = tonumber(have[1]), tonumber(have[2])
if tokens and last then
  tokens = math.min(capacity, tokens + math.max(0, now - last)*rate)
else
  tokens = capacity
end
local pass = tokens >= requested
if pass then tokens = tokens - requested end
redis.call('HMSET', KEYS[1], 'tokens', tokens, 'last_time', now)
redis.call('EXPIRE', KEYS[1], math.ceil(capacity/rate) + 60)
return {pass and 1 or 0, math.floor(tokens)}
)lua");

constexpr std::int64_t kLife = 1200;  // of the lists of addresses, whatever their window

bool is_total(std::string_view key) {
  return key.starts_with("MRRL") && key.size() > 4 && key[4] >= '0' && key[4] <= '9';
}

bool is_numbers(const core::Result<Reply>& reply, std::size_t count) {
  if (!reply || reply->type != Reply::Type::kArray || reply->items.size() != count) return false;
  return std::all_of(reply->items.begin(), reply->items.end(),
                     [](const Reply& one) { return one.type == Reply::Type::kInteger; });
}

}  // namespace

std::string list_time(std::int64_t unix_millis) {
  auto seconds = static_cast<std::time_t>(unix_millis / 1000);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", local.tm_year + 1900, local.tm_mon + 1,
                     local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec, unix_millis % 1000);
}

void RedisRateLimits::ask(RateStep step, std::string_view key, RateRule rule, Done done) {
  if (rule.count <= 0 || rule.seconds <= 0) return memory_.ask(step, key, rule, std::move(done));
  if (is_total(key)) return ask_bucket(std::string(key), rule, std::move(done));
  ask_list(step, std::string(key), rule, std::move(done));
}

void RedisRateLimits::ask_memory(RateStep step, std::string_view key, RateRule rule, const Done& done) {
  alone_.fetch_add(1, std::memory_order_relaxed);
  auto nodes = std::max<std::int64_t>(1, nodes_());
  rule.count = (rule.count + nodes - 1) / nodes;
  memory_.ask(step, key, rule, done);
}

void RedisRateLimits::ask_list(RateStep step, std::string key, RateRule rule, Done done) {
  auto life = key.starts_with("MRRLS") ? rule.seconds : std::max(kLife, rule.seconds);
  auto name = client_.key("rateLimit:" + (key.starts_with("MRRLS") ? "MRRLS:" + key.substr(5) : key));
  auto number = step == RateStep::kLook ? "0" : step == RateStep::kTake ? "1" : "2";
  client_.run(kList, std::move(name),
              {std::to_string(rule.count), std::to_string(rule.seconds), list_time(clock_.unix_millis()),
               std::to_string(life), number},
              [this, step, key = std::move(key), rule, done = std::move(done)](const core::Result<Reply>& reply) {
                if (!is_numbers(reply, 3)) return ask_memory(step, key, rule, done);
                RateAnswer answer;
                answer.allowed = reply->items[0].integer == 1;
                answer.remaining = std::max<std::int64_t>(0, rule.count - reply->items[1].integer);
                if (auto age = reply->items[2].integer; age >= 0)
                  answer.reset = std::max<std::int64_t>(1, rule.seconds - age / 1000);
                done(answer);
              });
}

void RedisRateLimits::ask_bucket(std::string key, RateRule rule, Done done) {
  auto requested = rule.seconds;
  auto name = client_.key("rateLimit:" + key.substr(4));
  client_.run(kBucket, std::move(name),
              {std::to_string(requested), std::to_string(rule.count), std::to_string(rule.count * rule.seconds)},
              [this, key = std::move(key), rule, requested, done = std::move(done)](const core::Result<Reply>& reply) {
                if (!is_numbers(reply, 2)) return ask_memory(RateStep::kTake, key, rule, done);
                RateAnswer answer;
                auto tokens = reply->items[1].integer;
                answer.allowed = reply->items[0].integer == 1;
                answer.remaining = tokens / requested;
                // Until one more request may pass.
                auto missing = requested - tokens % requested;
                answer.reset = std::max<std::int64_t>(1, (missing + rule.count - 1) / rule.count);
                done(answer);
              });
}

}  // namespace tollgate::redis
