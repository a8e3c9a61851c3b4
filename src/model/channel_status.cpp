#include "model/channel_status.h"

#include <algorithm>
#include <boost/json.hpp>

#include "model/columns.h"
#include "model/version.h"
#include "sql/transaction.h"

namespace tollgate::model {
namespace {

namespace json = boost::json;
using sql::Param;

// Members are kept in the order of their names: other writers of this column sort them.
std::string with_reason(const std::string& other_info, std::string_view reason, std::int64_t now) {
  boost::system::error_code ec;
  auto parsed = json::parse(other_info, ec);
  json::object old = !ec && parsed.is_object() ? parsed.get_object() : json::object();
  old.insert_or_assign("status_reason", json::string_view(reason.data(), reason.size()));
  old.insert_or_assign("status_time", now);
  std::vector<json::string_view> names;
  for (const auto& member : old) names.push_back(member.key());
  std::sort(names.begin(), names.end());
  json::object out;
  for (auto name : names) out.emplace(name, old.at(name));
  return json::serialize(out);
}

sql::Result<void> write_status(sql::Connection& db, const Channel& channel, ChannelStatus status,
                               std::string_view reason, std::int64_t now) {
  auto info = with_reason(channel.other_info, reason, now);
  auto done =
      db.execute("UPDATE channels SET status = ?, other_info = ? WHERE id = ?",
                 {Param(static_cast<std::int64_t>(status)), Param(std::string_view(info)), Param(channel.id.value)});
  if (!done) return done.error();
  auto abilities = db.execute("UPDATE abilities SET enabled = ? WHERE channel_id = ?",
                              {Param(status == ChannelStatus::kEnabled), Param(channel.id.value)});
  if (!abilities) return abilities.error();
  return {};
}

sql::Result<void> write_info(sql::Connection& db, core::ChannelId id, const std::string& channel_info) {
  auto done = db.execute("UPDATE channels SET channel_info = ? WHERE id = ?",
                         {Param(sql::Blob{channel_info}), Param(id.value)});
  if (!done) return done.error();
  return {};
}

// Of several keys: the one that was used, then the channel when it was the last.
sql::Result<Disabled> disable_key(sql::Connection& db, const Channel& channel, KeyState state, std::string_view key,
                                  std::string_view reason, std::int64_t now) {
  const auto keys = split_keys(channel.key);
  Disabled done;
  // The same key may stand there twice: each use that fails takes the next one that is on.
  for (std::size_t i = 0; i < keys.size() && done.what == SwitchedOff::kNothing; ++i) {
    const auto index = static_cast<std::int64_t>(i);
    if (keys[i] != key || state.status_of(index) != 1) continue;
    state.disable(index, static_cast<std::int64_t>(ChannelStatus::kDisabledAutomatically), reason, now);
    if (auto written = write_info(db, channel.id, write_key_state(state)); !written) return written.error();
    done = {SwitchedOff::kKey, index};
  }
  if (state.status.size() < keys.size()) return done;
  auto written = write_status(db, channel, ChannelStatus::kDisabledAutomatically, "All keys are disabled", now);
  if (!written) return written.error();
  done.what = SwitchedOff::kChannel;
  return done;
}

}  // namespace

sql::Result<bool> set_channel_status(sql::Connection& db, core::ChannelId id, ChannelStatus status,
                                     std::string_view reason, std::int64_t now) {
  return with_version(db, Topic::kChannels, [&](sql::Connection&) -> sql::Result<bool> {
    auto channel = lock_channel(db, id);
    if (!channel) return channel.error();
    if (!*channel) return false;
    auto written = write_status(db, **channel, status, reason, now);
    if (!written) return written.error();
    return true;
  });
}

sql::Result<bool> enable_tested_channel(sql::Connection& db, core::ChannelId id, std::int64_t now) {
  return with_version(db, Topic::kChannels, [&](sql::Connection&) -> sql::Result<bool> {
    auto channel = lock_channel(db, id);
    if (!channel) return channel.error();
    if (!*channel || (*channel)->status != static_cast<std::int64_t>(ChannelStatus::kDisabledAutomatically) ||
        read_key_state((*channel)->channel_info).is_multi)
      return false;
    auto written = write_status(db, **channel, ChannelStatus::kEnabled, "", now);
    if (!written) return written.error();
    return true;
  });
}

sql::Result<Disabled> disable_failing(sql::Connection& db, core::ChannelId id, std::string_view key,
                                      std::string_view reason, std::int64_t now) {
  auto body = [&](sql::Connection&) -> sql::Result<Disabled> {
    auto channel = lock_channel(db, id);
    if (!channel) return channel.error();
    if (!*channel || (*channel)->status != static_cast<std::int64_t>(ChannelStatus::kEnabled)) return Disabled{};
    auto state = read_key_state((*channel)->channel_info);
    if (state.is_multi) return disable_key(db, **channel, std::move(state), key, reason, now);
    if (!key.empty() && (*channel)->key != key) return Disabled{};
    auto written = write_status(db, **channel, ChannelStatus::kDisabledAutomatically, reason, now);
    if (!written) return written.error();
    return Disabled{SwitchedOff::kChannel, 0};
  };
  return with_version(db, Topic::kChannels, body, [](const auto& done) { return done->what != SwitchedOff::kNothing; });
}

sql::Result<bool> edit_channel_keys(sql::Connection& db, core::ChannelId id, const KeyEdit& edit) {
  return with_version(db, Topic::kChannels, [&](sql::Connection&) -> sql::Result<bool> {
    auto channel = lock_channel(db, id);
    if (!channel) return channel.error();
    if (!*channel) return false;
    auto keys = split_keys((*channel)->key);
    const auto before = keys;
    auto state = read_key_state((*channel)->channel_info);
    if (!edit(keys, state)) return false;
    state.size = static_cast<std::int64_t>(keys.size());
    if (keys != before) {
      std::string text;
      for (const auto& key : keys) text += (text.empty() ? "" : "\n") + key;
      auto done = db.execute("UPDATE channels SET " + select_list(db, "key") + " = ? WHERE id = ?",
                             {Param(std::string_view(text)), Param(id.value)});
      if (!done) return done.error();
    }
    if (auto written = write_info(db, id, write_key_state(state)); !written) return written.error();
    return true;
  });
}

sql::Result<void> set_channel_test_result(sql::Connection& db, core::ChannelId id, std::int64_t response_ms,
                                          std::int64_t now) {
  auto done = db.execute("UPDATE channels SET response_time = ?, test_time = ? WHERE id = ?",
                         {Param(response_ms), Param(now), Param(id.value)});
  if (!done) return done.error();
  return {};
}

sql::Result<void> set_channel_balance(sql::Connection& db, core::ChannelId id, double balance, std::int64_t now) {
  auto done = db.execute("UPDATE channels SET balance = ?, balance_updated_time = ? WHERE id = ?",
                         {Param(balance), Param(now), Param(id.value)});
  if (!done) return done.error();
  return {};
}

}  // namespace tollgate::model
