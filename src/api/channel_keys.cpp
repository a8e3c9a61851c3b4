// The keys of a channel with several: which are off and why, switching single ones, removing them.
#include <fmt/format.h>

#include <algorithm>

#include "api/database.h"
#include "api/handlers.h"
#include "model/channel_status.h"

namespace tollgate::api {
namespace {

constexpr std::int64_t kByHand = 2, kAutomatically = 3;
constexpr std::string_view kLastKey = "不能删除最后一个密钥";

using Keys = std::vector<std::string>;

struct Input {
  std::int64_t channel = 0;
  std::string action;
  std::optional<std::int64_t> index, status;
  std::int64_t page = 0, page_size = 0;
};

// What an action came to: its message, and whether it is a refusal.
struct Done {
  std::string message;
  bool refused = false;
  std::optional<std::int64_t> count = std::nullopt;  // stands in `data`
};
Done refusal(std::string_view message) { return {std::string(message), true}; }

std::int64_t size_of(const Keys& keys) { return static_cast<std::int64_t>(keys.size()); }

json::object key_document(const Keys& keys, const model::KeyState& state, std::int64_t index) {
  constexpr std::size_t kPreview = 10;
  const auto& key = keys[static_cast<std::size_t>(index)];
  json::object o;
  o.emplace("index", index);
  o.emplace("status", state.status_of(index));
  if (auto time = state.time_of(index); time != 0) o.emplace("disabled_time", time);
  if (auto reason = state.reason_of(index); !reason.empty()) o.emplace("reason", json::string(reason));
  o.emplace("key_preview", json::string(key.size() > kPreview ? key.substr(0, kPreview) + "..." : key));
  return o;
}

Response key_status(const model::Channel& channel, const model::KeyState& state, const Input& input) {
  const Keys keys = model::split_keys(channel.key);
  std::int64_t counts[4] = {};
  std::vector<std::int64_t> shown;
  for (std::int64_t i = 0; i < size_of(keys); ++i) {
    const auto status = state.status_of(i);
    if (status >= 1 && status <= 3) ++counts[status];
    if (!input.status || *input.status == status) shown.push_back(i);
  }
  const auto total = static_cast<std::int64_t>(shown.size());
  const auto page_size = input.page_size > 0 ? std::min<std::int64_t>(input.page_size, 1'000'000) : 50;
  const auto pages = std::max<std::int64_t>(1, (total + page_size - 1) / page_size);
  const auto page = std::min(input.page > 0 ? input.page : 1, pages);
  json::array items;
  for (auto i = (page - 1) * page_size; i < std::min(total, page * page_size); ++i)
    items.push_back(key_document(keys, state, shown[static_cast<std::size_t>(i)]));
  json::object data;
  data.emplace("keys", items.empty() ? json::value() : json::value(std::move(items)));
  data.emplace("total", total);
  data.emplace("page", page);
  data.emplace("page_size", page_size);
  data.emplace("total_pages", pages);
  data.emplace("enabled_count", counts[1]);
  data.emplace("manual_disabled_count", counts[2]);
  data.emplace("auto_disabled_count", counts[3]);
  return ok(std::move(data));
}

// Of a key switched off by hand neither reason nor time is kept.
void disable_by_hand(model::KeyState& state, std::int64_t index) {
  state.enable(index);
  state.status.insert_or_assign(std::to_string(index), kByHand);
}

Done change_one(const Input& input, Keys& keys, model::KeyState& state) {
  const bool disables = input.action == "disable_key", enables = input.action == "enable_key";
  if (!input.index)
    return refusal(disables ? "未指定要禁用的密钥索引" : enables ? "未指定要启用的密钥索引" : "未指定要删除的密钥索引");
  const auto index = *input.index;
  if (index < 0 || index >= size_of(keys)) return refusal("密钥索引超出范围");
  if (disables) {
    disable_by_hand(state, index);
    return {"密钥已禁用"};
  }
  if (enables) {
    state.enable(index);
    return {"密钥已启用"};
  }
  if (keys.size() == 1) return refusal(kLastKey);
  keys.erase(keys.begin() + index);
  state.remove(index);
  return {"密钥已删除"};
}

Done enable_all(model::KeyState& state) {
  const auto count = state.status.size();
  for (auto* map : {&state.status, &state.disabled_reason, &state.disabled_time}) map->clear();
  return {fmt::format("已启用 {} 个密钥", count)};
}

Done disable_all(const Keys& keys, model::KeyState& state) {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < size_of(keys); ++i) {
    if (state.status_of(i) != 1) continue;
    disable_by_hand(state, i);
    ++count;
  }
  if (count == 0) return refusal("没有可禁用的密钥");
  return {fmt::format("已禁用 {} 个密钥", count)};
}

Done delete_disabled(Keys& keys, model::KeyState& state) {
  std::vector<std::int64_t> gone;
  for (std::int64_t i = size_of(keys) - 1; i >= 0; --i)
    if (state.status_of(i) == kAutomatically) gone.push_back(i);
  if (gone.empty()) return refusal("没有需要删除的自动禁用密钥");
  if (gone.size() == keys.size()) return refusal(kLastKey);
  for (auto index : gone) {
    keys.erase(keys.begin() + index);
    state.remove(index);
  }
  const auto count = static_cast<std::int64_t>(gone.size());
  return {fmt::format("已删除 {} 个自动禁用的密钥", count), false, count};
}

Done change(const Input& input, Keys& keys, model::KeyState& state) {
  if (input.action == "enable_all_keys") return enable_all(state);
  if (input.action == "disable_all_keys") return disable_all(keys, state);
  if (input.action == "delete_disabled_keys") return delete_disabled(keys, state);
  if (input.action == "disable_key" || input.action == "enable_key" || input.action == "delete_key")
    return change_one(input, keys, state);
  return refusal("不支持的操作");
}

}  // namespace

Response manage_channel_keys(Context& c) {
  Input input;
  auto fields = Fields::parse(c.request.body);
  if (!fields) return fail(fields.error().message);
  fields->get("channel_id", input.channel)
      .get("action", input.action)
      .get("key_index", input.index)
      .get("status", input.status)
      .get("page", input.page)
      .get("page_size", input.page_size);
  if (!fields->ok()) return fail(fields->error());
  const core::ChannelId id{input.channel};
  auto channel = must(model::find_channel(c.db, id));
  if (!channel) return fail("渠道不存在");
  auto state = model::read_key_state(channel->channel_info);
  if (!state.is_multi) return fail("该渠道不是多密钥模式");
  if (input.action == "get_key_status") return key_status(*channel, state, input);

  Done done = refusal("渠道不存在");
  must(model::edit_channel_keys(c.db, id, [&](Keys& keys, model::KeyState& stored) {
    done = change(input, keys, stored);
    return !done.refused;
  }));
  if (done.refused) return fail(done.message);
  if (c.services.channels_changed) c.services.channels_changed();
  json::object body;
  body.emplace("success", true);
  body.emplace("message", json::string(done.message));
  if (done.count) body.emplace("data", *done.count);
  return json_response(200, body);
}

}  // namespace tollgate::api
