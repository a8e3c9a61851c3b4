// Creating and changing channels.
#include <algorithm>

#include "api/channel_json.h"
#include "api/database.h"
#include "api/handlers.h"
#include "core/ascii.h"

namespace tollgate::api {
namespace {

std::string joined(const std::vector<std::string>& keys) {
  std::string text;
  for (const auto& key : keys) text += (text.empty() ? "" : "\n") + key;
  return text;
}

struct CreateInput {
  std::string mode, key_mode;
  bool name_with_key = false;
};

// The rows that one request makes; the error is the answer's message.
core::Result<std::vector<model::Channel>> rows_of(const CreateInput& input, const model::Channel& channel) {
  if (input.mode == "single") return std::vector{channel};
  if (input.mode != "batch" && input.mode != "multi_to_single")
    return core::error(core::Errc::kInvalid, "不支持的添加模式");
  const bool together = input.mode == "multi_to_single";
  auto keys = split_new_keys(channel, channel.key, together);
  if (!keys) return keys.error();
  if (keys->empty()) return core::error(core::Errc::kInvalid, "channel cannot be empty");

  std::vector<model::Channel> rows;
  if (together) {
    model::Channel row = channel;
    row.key = joined(*keys);
    model::KeyState state;
    state.is_multi = true;
    state.size = static_cast<std::int64_t>(keys->size());
    state.mode = input.key_mode;
    row.channel_info = model::write_key_state(state);
    rows.push_back(std::move(row));
    return rows;
  }
  for (const std::string& key : *keys) {
    model::Channel row = channel;
    row.key = key;
    if (input.name_with_key && keys->size() > 1) row.name += " " + key.substr(0, 8);
    rows.push_back(std::move(row));
  }
  return rows;
}

void changed(const Context& c) {
  if (c.services.channels_changed) c.services.channels_changed();
}

// The new key text of a channel with several keys. Keys that are there already are not added twice.
core::Result<std::string> appended(const model::Channel& channel, const std::string& text) {
  std::vector<std::string> keys = model::split_keys(channel.key);
  core::Result<std::vector<std::string>> added = std::vector{std::string(core::trimmed(text))};
  if (!std::string(core::trimmed(text)).starts_with('{'))
    added = split_new_keys(channel, text, true);  // else one service account
  if (!added) return core::error(core::Errc::kInvalid, "追加密钥解析失败: " + added.error().message);
  for (const auto& key : *added) {
    const bool known = std::ranges::any_of(
        keys, [&](const auto& old) { return std::string(core::trimmed(old)) == std::string(core::trimmed(key)); });
    if (!known && !key.empty()) keys.push_back(key);
  }
  return joined(keys);
}

void drop_beyond(json::object& by_index, std::int64_t size) {
  std::vector<std::string> gone;
  for (const auto& entry : by_index) {
    auto index = std::string(entry.key());
    if (index.empty() || index.size() > 9 || index.find_first_not_of("0123456789") != std::string::npos ||
        std::stoll(index) >= size)
      gone.push_back(index);
  }
  for (const auto& index : gone) by_index.erase(index);
}

struct UpdateInput {
  std::int64_t id = 0;
  std::string key;
  std::optional<std::string> multi_key_mode, key_mode;
};

// Puts a sent key into the stored channel and keeps the state of its keys in step. Empty, or the refusal.
std::string take_key(model::Channel& channel, const UpdateInput& input) {
  model::KeyState state = model::read_key_state(channel.channel_info);
  if (input.multi_key_mode && !input.multi_key_mode->empty()) state.mode = *input.multi_key_mode;
  const bool new_key = !input.key.empty() && !is_masked_key(input.key);
  if (new_key && state.is_multi && input.key_mode == "append" && !channel.key.empty()) {
    auto text = appended(channel, input.key);
    if (!text) return text.error().message;
    channel.key = *text;
  } else if (new_key) {
    channel.key = input.key;
    state.status.clear();  // they spoke of other keys
    state.disabled_reason.clear();
    state.disabled_time.clear();
  }
  if (state.is_multi) {
    state.size = static_cast<std::int64_t>(model::split_keys(channel.key).size());
    for (json::object* map : {&state.status, &state.disabled_reason, &state.disabled_time})
      drop_beyond(*map, state.size);
    channel.channel_info = model::write_key_state(state);
  }
  return {};
}

}  // namespace

Response create_channel(Context& c) {
  CreateInput input;
  auto body = Fields::parse(c.request.body);
  if (!body) return fail(body.error().message);
  body->get("mode", input.mode)
      .get("multi_key_mode", input.key_mode)
      .get("batch_add_set_key_prefix_2_name", input.name_with_key);
  if (!body->ok()) return fail(body->error());
  const json::value* sent = body->find("channel");
  if (!sent || !sent->is_object()) return fail("channel cannot be empty");

  auto fields = *Fields::of(*sent);
  model::Channel channel;
  if (std::string fault = apply_channel_fields(channel, fields); !fault.empty()) return fail(fault);
  if (!fields.get("key", channel.key).ok()) return fail(fields.error());
  if (std::string fault = check_channel(channel, true); !fault.empty()) return fail(fault);
  if (is_masked_key(channel.key)) return fail("channel cannot be empty");
  channel.created_time = c.now();
  auto rows = rows_of(input, channel);
  if (!rows) return fail(rows.error().message);

  for (std::size_t i = 0; i < rows->size(); ++i) {
    auto made =
        sql::with_once(c.db, once_key(), [&](sql::Connection& db) { return model::create_channel(db, (*rows)[i]); });
    if (made) continue;
    if (i > 0) changed(c);  // the rows before this one are there
    throw DatabaseError(made.error());
  }
  changed(c);
  return ok();
}

Response update_channel(Context& c) {
  auto fields = Fields::parse(c.request.body);
  if (!fields) return fail(fields.error().message);
  UpdateInput input;
  fields->get("id", input.id)
      .get("key", input.key)
      .get("multi_key_mode", input.multi_key_mode)
      .get("key_mode", input.key_mode);
  if (!fields->ok()) return fail(fields->error());

  model::Channel alone;  // what the body says by itself: this is what is checked
  if (std::string fault = apply_channel_fields(alone, *fields); !fault.empty()) return fail(fault);
  alone.key = is_masked_key(input.key) ? "" : input.key;
  if (std::string fault = check_channel(alone, false); !fault.empty()) return fail(fault);

  std::string fault;
  RowEdit edit(model::kChannelHistory, channel_fields(), c.request);
  const auto entity = std::to_string(input.id);
  auto change = [&](model::Channel& row) {
    const model::Channel before = row;
    apply_channel_fields(row, *fields);
    fault = take_key(row, input);
    return fault.empty() && edit.merge(before, row);
  };
  auto channel =
      must(sql::with_once(c.db, once_key(), [&](sql::Connection& db) -> sql::Result<std::optional<model::Channel>> {
        auto row = model::edit_channel(db, core::ChannelId{input.id}, change);
        if (!row || !*row || edit.changed().empty()) return row;
        auto noted = model::note_change(db, model::kChannelHistory, entity, c.user.username, edit.changed());
        if (!noted) return noted.error();
        return row;
      }));
  if (!fault.empty()) return fail(fault);
  if (channel) changed(c);

  channel = must(model::find_channel(c.db, core::ChannelId{input.id}));
  if (!channel) return not_found();
  const auto version = row_version(model::kChannelHistory, channel_fields(), *channel);
  if (edit.refused())
    return edit_conflict(c, model::kChannelHistory, entity, edit, channel_document(*channel), version);
  json::object data = channel_document(*channel);
  auto nullable = [](const std::optional<std::string>& text) {
    return text ? json::value(json::string(*text)) : json::value();
  };
  data.emplace("multi_key_mode", nullable(input.multi_key_mode));
  data.emplace("key_mode", nullable(input.key_mode));
  Response response = ok(std::move(data));
  response.headers.emplace_back(kRowVersionHeader, version);
  return response;
}

}  // namespace tollgate::api
