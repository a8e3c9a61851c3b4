#include "api/channel_json.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/ascii.h"
#include "dialect/body_override.h"
#include "provider/header_override.h"

namespace tollgate::api {
namespace {

constexpr std::int64_t kVertex = 41, kCodex = 57;
constexpr std::size_t kMaxModelName = 255;

bool keys_are_json(const model::Channel& channel) {
  if (channel.type != kVertex) return false;
  auto settings = Fields::parse(channel.settings.empty() ? "{}" : channel.settings);
  std::string kind;
  if (settings) settings->get("vertex_key_type", kind);
  return kind != "api_key";
}

std::string check_vertex(const model::Channel& channel) {
  if (channel.other.empty()) return "部署地区不能为空";
  auto regions = parse_json(channel.other);
  if (!regions || !regions->is_object())
    return R"(部署地区必须是标准的Json格式，例如{"default": "us-central1", "region2": "us-east1"})";
  const json::value* fallback = regions->get_object().if_contains("default");
  if (!fallback || fallback->is_null()) return "部署地区必须包含default字段";
  return {};
}

std::string check_codex(std::string_view key) {
  const std::string text = std::string(core::trimmed(key));
  auto fields = Fields::parse(text);
  if (!text.starts_with('{') || !fields) return "Codex key must be a valid JSON object";
  for (std::string_view name : {"access_token", "account_id"}) {
    std::string value;
    if (!fields->get(name, value).ok() || std::string(core::trimmed(value)).empty())
      return fmt::format("Codex key JSON must include {}", name);
  }
  return {};
}

}  // namespace

std::span<const EditedField<model::Channel>> channel_fields() {
  using model::Channel;
  static constexpr EditedField<Channel> kFields[] = {
      edited<&Channel::name, Channel>("name"),
      edited<&Channel::type, Channel>("type"),
      edited<&Channel::key, Channel>("key", false),
      edited<&Channel::status, Channel>("status"),
      edited<&Channel::base_url, Channel>("base_url"),
      edited<&Channel::other, Channel>("other"),
      edited<&Channel::openai_organization, Channel>("openai_organization"),
      edited<&Channel::models, Channel>("models"),
      edited<&Channel::group, Channel>("group"),
      edited<&Channel::tag, Channel>("tag"),
      edited<&Channel::priority, Channel>("priority"),
      edited<&Channel::weight, Channel>("weight"),
      edited<&Channel::auto_ban, Channel>("auto_ban"),
      edited<&Channel::test_model, Channel>("test_model"),
      edited<&Channel::model_mapping, Channel>("model_mapping"),
      edited<&Channel::status_code_mapping, Channel>("status_code_mapping"),
      edited<&Channel::param_override, Channel>("param_override"),
      edited<&Channel::header_override, Channel>("header_override"),
      edited<&Channel::setting, Channel>("setting"),
      edited<&Channel::settings, Channel>("settings"),
      edited<&Channel::remark, Channel>("remark"),
  };
  return kFields;
}

json::object channel_document(const model::Channel& c) {
  json::object o;
  auto text = [&](const char* name, const std::string& value) { o.emplace(name, json::string(value)); };
  o.emplace("id", c.id.value);
  o.emplace("type", c.type);
  o.emplace("key", "");
  text("openai_organization", c.openai_organization);
  text("test_model", c.test_model);
  o.emplace("status", c.status);
  text("name", c.name);
  o.emplace("weight", c.weight);
  o.emplace("created_time", c.created_time);
  o.emplace("test_time", c.test_time);
  o.emplace("response_time", c.response_time);
  text("base_url", c.base_url);
  text("other", c.other);
  o.emplace("balance", c.balance);
  o.emplace("balance_updated_time", c.balance_updated_time);
  text("models", c.models);
  text("group", c.group);
  o.emplace("used_quota", c.used_quota.units);
  text("model_mapping", c.model_mapping);
  text("status_code_mapping", c.status_code_mapping);
  o.emplace("priority", c.priority);
  o.emplace("auto_ban", c.auto_ban);
  text("other_info", c.other_info);
  o.emplace("tag", c.tag ? json::value(json::string(*c.tag)) : json::value());
  text("setting", c.setting);
  text("param_override", c.param_override);
  text("header_override", c.header_override);
  text("remark", c.remark);
  model::KeyState state = model::read_key_state(c.channel_info);
  state.disabled_reason.clear();  // may quote what an upstream said about a key
  state.disabled_time.clear();
  o.emplace("channel_info", *parse_json(model::write_key_state(state)));
  text("settings", c.settings);
  return o;
}

std::string apply_channel_fields(model::Channel& c, Fields& fields) {
  auto text = [&](std::string_view name, std::string& target) {
    std::string value;
    if (fields.get(name, value).ok() && !value.empty()) target = value;
  };
  auto number = [&](std::string_view name, std::int64_t& target) {
    std::int64_t value = 0;
    if (fields.get(name, value).ok() && value != 0) target = value;
  };
  text("name", c.name);
  text("other", c.other);
  text("models", c.models);
  text("group", c.group);
  text("other_info", c.other_info);
  text("settings", c.settings);
  number("type", c.type);
  number("status", c.status);
  number("test_time", c.test_time);
  number("response_time", c.response_time);
  // These may be emptied.
  fields.get("openai_organization", c.openai_organization)
      .get("test_model", c.test_model)
      .get("base_url", c.base_url)
      .get("model_mapping", c.model_mapping)
      .get("status_code_mapping", c.status_code_mapping)
      .get("setting", c.setting)
      .get("param_override", c.param_override)
      .get("header_override", c.header_override)
      .get("remark", c.remark)
      .get("tag", c.tag)
      .get("weight", c.weight)
      .get("priority", c.priority)
      .get("auto_ban", c.auto_ban);
  if (!fields.ok()) return fields.error();
  if (c.weight < 0) return "invalid JSON: field weight must not be negative";
  return {};
}

std::string check_channel(const model::Channel& c, bool creating) {
  if (!c.setting.empty()) {
    auto setting = parse_json(c.setting);
    if (!setting || !(setting->is_object() || setting->is_null()))
      return "渠道额外设置[channel setting] 格式错误：" + (setting ? "an object is expected" : setting.error().message);
  }
  if (auto fault = dialect::why_not_store_override(c.param_override); !fault.empty()) return fault;
  if (auto fault = provider::why_not_store_header_override(c.header_override); !fault.empty()) return fault;
  if (creating) {
    if (c.key.empty()) return "channel cannot be empty";
    for (const std::string& model : model::split_list(c.models))
      if (model.size() > kMaxModelName) return "模型名称过长: " + model;
  }
  if (c.type == kVertex) return check_vertex(c);
  if (c.type == kCodex && (creating || !std::string(core::trimmed(c.key)).empty())) return check_codex(c.key);
  return {};
}

core::Result<std::vector<std::string>> split_new_keys(const model::Channel& channel, const std::string& text,
                                                      bool trim_lines) {
  std::vector<std::string> keys;
  if (keys_are_json(channel)) {
    auto parsed = parse_json(text);
    if (!parsed || !parsed->is_array())
      return core::error(core::Errc::kInvalid,
                         "批量添加 Vertex AI 必须使用标准的JsonArray格式，例如[{key1}, {key2}...]，请检查输入");
    for (const auto& item : parsed->get_array())
      keys.push_back(item.is_string()   ? std::string(core::trimmed(std::string(item.get_string())))
                     : item.is_object() ? json_text(sorted(item.get_object()))
                                        : json_text(item));
    if (keys.empty()) return core::error(core::Errc::kInvalid, "批量添加 Vertex AI 的 keys 不能为空");
    return keys;
  }
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    std::string key = trim_lines ? std::string(core::trimmed(line)) : std::string(line);
    if (!key.empty()) keys.push_back(std::move(key));
  }
  return keys;
}

bool is_masked_key(std::string_view key) { return key.find("****") != std::string_view::npos; }

}  // namespace tollgate::api
