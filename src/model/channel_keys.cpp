#include "model/channel_keys.h"

#include <boost/json.hpp>
#include <charconv>

namespace tollgate::model {
namespace {

namespace json = boost::json;

std::int64_t integer(const json::value* value) {
  if (!value) return 0;
  boost::system::error_code ec;
  auto number = value->to_number<std::int64_t>(ec);
  return ec ? 0 : number;
}

json::object object_member(const json::object& object, json::string_view name) {
  const json::value* value = object.if_contains(name);
  return value && value->is_object() ? value->get_object() : json::object();
}

// Entries behind `index` move up by one, its own goes. Names that are no number go too.
json::object without(const json::object& map, std::int64_t index) {
  json::object out;
  for (const auto& [name, value] : map) {
    std::int64_t at = 0;
    auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), at);
    if (ec != std::errc() || end != name.data() + name.size() || at == index) continue;
    out.insert_or_assign(std::to_string(at > index ? at - 1 : at), value);
  }
  return out;
}

}  // namespace

std::int64_t KeyState::status_of(std::int64_t index) const {
  const auto* value = status.if_contains(std::to_string(index));
  return value ? integer(value) : 1;
}

std::string KeyState::reason_of(std::int64_t index) const {
  const auto* value = disabled_reason.if_contains(std::to_string(index));
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::int64_t KeyState::time_of(std::int64_t index) const {
  return integer(disabled_time.if_contains(std::to_string(index)));
}

void KeyState::disable(std::int64_t index, std::int64_t to, std::string_view reason, std::int64_t now) {
  auto name = std::to_string(index);
  status.insert_or_assign(name, to);
  disabled_reason.insert_or_assign(name, json::string_view(reason.data(), reason.size()));
  disabled_time.insert_or_assign(name, now);
}

void KeyState::enable(std::int64_t index) {
  auto name = std::to_string(index);
  for (auto* map : {&status, &disabled_reason, &disabled_time}) map->erase(name);
}

void KeyState::remove(std::int64_t index) {
  for (auto* map : {&status, &disabled_reason, &disabled_time}) *map = without(*map, index);
}

KeyState read_key_state(const std::string& channel_info) {
  KeyState state;
  boost::system::error_code ec;
  auto parsed = json::parse(channel_info, ec);
  if (ec || !parsed.is_object()) return state;
  const auto& object = parsed.get_object();
  state.status = object_member(object, "multi_key_status_list");
  state.disabled_reason = object_member(object, "multi_key_disabled_reason");
  state.disabled_time = object_member(object, "multi_key_disabled_time");
  const auto* multi = object.if_contains("is_multi_key");
  state.is_multi = multi && multi->is_bool() && multi->get_bool();
  state.size = integer(object.if_contains("multi_key_size"));
  state.polling_index = integer(object.if_contains("multi_key_polling_index"));
  if (const auto* mode = object.if_contains("multi_key_mode"); mode && mode->is_string())
    state.mode = std::string(mode->get_string());
  return state;
}

std::string write_key_state(const KeyState& state) {
  json::object o;
  o.emplace("is_multi_key", state.is_multi);
  o.emplace("multi_key_size", state.size);
  o.emplace("multi_key_status_list", state.status.empty() ? json::value() : json::value(state.status));
  if (!state.disabled_reason.empty()) o.emplace("multi_key_disabled_reason", state.disabled_reason);
  if (!state.disabled_time.empty()) o.emplace("multi_key_disabled_time", state.disabled_time);
  o.emplace("multi_key_polling_index", state.polling_index);
  o.emplace("multi_key_mode", state.mode);
  return json::serialize(o);
}

}  // namespace tollgate::model
