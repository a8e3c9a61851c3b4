#include "model/channel.h"

#include <boost/json.hpp>
#include <map>

#include "model/columns.h"
#include "model/version.h"
#include "sql/dialect.h"
#include "sql/transaction.h"

namespace tollgate::model {
namespace {

using sql::Param;

constexpr std::string_view kColumns =
    "id,type,key,open_ai_organization,test_model,status,name,weight,created_time,test_time,response_time,base_url,"
    "other,"
    "balance,balance_updated_time,models,group,used_quota,model_mapping,status_code_mapping,priority,auto_ban,other_"
    "info,"
    "tag,setting,param_override,header_override,remark,channel_info,settings";

Channel read(const sql::Row& row) {
  Channel channel;
  std::size_t i = 0;
  channel.id = {row.integer(i++)};
  channel.type = row.integer(i++);
  channel.key = row.text(i++);
  channel.openai_organization = row.text(i++);
  channel.test_model = row.text(i++);
  channel.status = row.integer(i++);
  channel.name = row.text(i++);
  channel.weight = row.integer(i++);
  channel.created_time = row.integer(i++);
  channel.test_time = row.integer(i++);
  channel.response_time = row.integer(i++);
  channel.base_url = row.text(i++);
  channel.other = row.text(i++);
  channel.balance = row.real(i++);
  channel.balance_updated_time = row.integer(i++);
  channel.models = row.text(i++);
  channel.group = row.text(i++);
  channel.used_quota = {row.integer(i++)};
  channel.model_mapping = row.text(i++);
  channel.status_code_mapping = row.text(i++);
  channel.priority = row.integer(i++);
  channel.auto_ban = row.integer(i++);
  channel.other_info = row.text(i++);
  if (!row.is_null(i)) channel.tag = row.text(i);
  ++i;
  channel.setting = row.text(i++);
  channel.param_override = row.text(i++);
  channel.header_override = row.text(i++);
  channel.remark = row.text(i++);
  channel.channel_info = row.text(i++);
  channel.settings = row.text(i++);
  return channel;
}

// Column → value of everything that an edit may change.
std::vector<std::pair<std::string_view, Param>> editable(const Channel& c) {
  auto text = [](const std::string& value) { return Param(std::string_view(value)); };
  return {{"type", Param(c.type)},
          {"key", text(c.key)},
          {"open_ai_organization", text(c.openai_organization)},
          {"test_model", text(c.test_model)},
          {"status", Param(c.status)},
          {"name", text(c.name)},
          {"weight", Param(c.weight)},
          {"test_time", Param(c.test_time)},
          {"response_time", Param(c.response_time)},
          {"base_url", text(c.base_url)},
          {"other", text(c.other)},
          {"models", text(c.models)},
          {"group", text(c.group)},
          {"model_mapping", text(c.model_mapping)},
          {"status_code_mapping", text(c.status_code_mapping)},
          {"priority", Param(c.priority)},
          {"auto_ban", Param(c.auto_ban)},
          {"other_info", text(c.other_info)},
          {"tag", nullable(c.tag)},
          {"setting", text(c.setting)},
          {"param_override", text(c.param_override)},
          {"header_override", text(c.header_override)},
          {"remark", text(c.remark)},
          // Bytes, not text: the other nodes' reader of this column takes nothing else on SQLite.
          {"channel_info", c.channel_info.empty() ? Param(nullptr) : Param(sql::Blob{c.channel_info})},
          {"settings", text(c.settings)}};
}

sql::Result<void> write_abilities(sql::Connection& db, const Channel& channel) {
  auto cleared = db.execute("DELETE FROM abilities WHERE channel_id = ?", {Param(channel.id.value)});
  if (!cleared) return cleared.error();
  const auto group_column = sql::quoted(db.dialect(), "group");
  // A model may stand twice in the list, on MySQL also in another letter case.
  const auto statement =
      sql::insert_or_keep(db.dialect(),
                          "INSERT INTO abilities (" + group_column +
                              ", model, channel_id, enabled, priority, weight, tag) VALUES (?, ?, ?, ?, ?, ?, ?)",
                          group_column + ", model, channel_id");
  for (const auto& group : split_list(channel.group))
    for (const auto& model : split_list(channel.models)) {
      auto done = db.execute(statement, {Param(std::string_view(group)), Param(std::string_view(model)),
                                         Param(channel.id.value), Param(channel.status == 1), Param(channel.priority),
                                         Param(channel.weight), nullable(channel.tag)});
      if (!done) return done.error();
    }
  return {};
}

struct Where {
  std::string text = " WHERE 1 = 1";
  std::vector<std::string> texts;  // kept alive for the views in params
  std::vector<Param> params;
};

Where where(sql::Connection& db, const ChannelFilter& filter) {
  Where out;
  out.texts.reserve(8);
  auto bind = [&](std::string value) {
    out.texts.push_back(std::move(value));
    out.params.emplace_back(std::string_view(out.texts.back()));
  };
  if (!filter.keyword.empty()) {
    out.text +=
        " AND (name LIKE ? ESCAPE '!' OR base_url LIKE ? ESCAPE '!' OR " + sql::quoted(db.dialect(), "key") + " = ?";
    bind(contains_pattern(filter.keyword));
    bind(contains_pattern(filter.keyword));
    bind(filter.keyword);
    if (filter.keyword.find_first_not_of("0123456789") == std::string::npos && filter.keyword.size() < 18) {
      out.text += " OR id = ?";
      out.params.emplace_back(static_cast<std::int64_t>(std::stoll(filter.keyword)));
    }
    out.text += ")";
  }
  if (!filter.group.empty()) {
    out.text += " AND " + sql::between_commas(db.dialect(), sql::quoted(db.dialect(), "group")) + " LIKE ? ESCAPE '!'";
    auto pattern = contains_pattern(filter.group);
    bind("%," + pattern.substr(1, pattern.size() - 2) + ",%");
  }
  if (!filter.model.empty()) {
    out.text += " AND models LIKE ? ESCAPE '!'";
    bind(contains_pattern(filter.model));
  }
  if (filter.status) out.text += *filter.status == 1 ? " AND status = 1" : " AND status <> 1";
  if (filter.type) {
    out.text += " AND type = ?";
    out.params.emplace_back(*filter.type);
  }
  if (filter.tag) {
    out.text += " AND tag = ?";
    bind(*filter.tag);
  }
  return out;
}

sql::Result<std::vector<Channel>> select(sql::Connection& db, const std::string& rest, std::span<const Param> params) {
  auto rows = db.query("SELECT " + select_list(db, kColumns) + " FROM channels" + rest, params);
  if (!rows) return rows.error();
  std::vector<Channel> channels;
  channels.reserve(rows->size());
  for (const auto& row : *rows) channels.push_back(read(row));
  return channels;
}

sql::Result<std::vector<std::string>> texts(sql::Result<std::vector<sql::Row>> rows) {
  if (!rows) return rows.error();
  std::vector<std::string> out;
  for (const auto& row : *rows) out.push_back(row.text(0));
  return out;
}

}  // namespace

std::vector<std::string> split_list(std::string_view list) {
  std::vector<std::string> items;
  while (true) {
    auto comma = list.find(',');
    if (auto item = list.substr(0, comma); !item.empty()) items.emplace_back(item);
    if (comma == std::string_view::npos) return items;
    list = list.substr(comma + 1);
  }
}

std::vector<std::string> split_keys(std::string_view key_text) {
  auto begin = key_text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  auto trimmed = key_text.substr(begin, key_text.find_last_not_of(" \t\r\n") - begin + 1);
  std::vector<std::string> keys;
  if (trimmed.starts_with('[')) {
    boost::system::error_code ec;
    auto parsed = boost::json::parse(trimmed, ec);
    if (!ec && parsed.is_array()) {
      for (const auto& element : parsed.as_array())
        keys.push_back(element.is_string() ? std::string(element.as_string()) : boost::json::serialize(element));
      return keys;
    }
  }
  while (true) {
    auto end = trimmed.find('\n');
    auto line = trimmed.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) keys.emplace_back(line);
    if (end == std::string_view::npos) return keys;
    trimmed = trimmed.substr(end + 1);
  }
}

sql::Result<std::optional<Channel>> find_channel(sql::Connection& db, core::ChannelId id) {
  Param params[] = {Param(id.value)};
  auto channels = select(db, " WHERE id = ?", params);
  if (!channels) return channels.error();
  if (channels->empty()) return std::optional<Channel>();
  return std::optional<Channel>(std::move(channels->front()));
}

sql::Result<std::optional<Channel>> lock_channel(sql::Connection& db, core::ChannelId id) {
  // SQLite's transactions exclude each other from their begin on.
  if (db.dialect() == sql::Dialect::kSqlite) return find_channel(db, id);
  Param params[] = {Param(id.value)};
  auto channels = select(db, " WHERE id = ? FOR UPDATE", params);
  if (!channels) return channels.error();
  if (channels->empty()) return std::optional<Channel>();
  return std::optional<Channel>(std::move(channels->front()));
}

sql::Result<std::vector<Channel>> all_channels(sql::Connection& db) { return select(db, " ORDER BY id", {}); }

sql::Result<std::int64_t> count_channels(sql::Connection& db, const ChannelFilter& filter) {
  auto condition = where(db, filter);
  auto rows = db.query("SELECT COUNT(*) FROM channels" + condition.text, condition.params);
  if (!rows) return rows.error();
  return rows->front().integer(0);
}

sql::Result<std::vector<Channel>> list_channels(sql::Connection& db, const ChannelFilter& filter, std::int64_t offset,
                                                std::int64_t limit) {
  auto condition = where(db, filter);
  condition.params.emplace_back(limit);
  condition.params.emplace_back(offset);
  return select(db,
                condition.text + (filter.newest_first ? " ORDER BY id DESC" : " ORDER BY priority DESC, id DESC") +
                    " LIMIT ? OFFSET ?",
                condition.params);
}

sql::Result<std::vector<std::pair<std::int64_t, std::int64_t>>> count_channels_by_type(sql::Connection& db,
                                                                                       ChannelFilter filter) {
  filter.type.reset();
  auto condition = where(db, filter);
  auto rows = db.query("SELECT type, COUNT(*) FROM channels" + condition.text + " GROUP BY type", condition.params);
  if (!rows) return rows.error();
  std::vector<std::pair<std::int64_t, std::int64_t>> counts;
  for (const auto& row : *rows) counts.emplace_back(row.integer(0), row.integer(1));
  return counts;
}

sql::Result<core::ChannelId> create_channel(sql::Connection& db, const Channel& channel) {
  return with_version(db, Topic::kChannels, [&](sql::Connection&) -> sql::Result<core::ChannelId> {
    auto columns = editable(channel);
    std::string names = "created_time, used_quota, balance, balance_updated_time";
    std::string marks = "?, 0, 0, 0";
    std::vector<Param> params{Param(channel.created_time)};
    for (auto& [name, value] : columns) {
      names += ", " + select_list(db, name);
      marks += ", ?";
      params.push_back(value);
    }
    auto done = db.insert("INSERT INTO channels (" + names + ") VALUES (" + marks + ")", params);
    if (!done) return done.error();
    auto stored = channel;
    stored.id = {done->insert_id};
    if (auto abilities = write_abilities(db, stored); !abilities) return abilities.error();
    return stored.id;
  });
}

namespace {

sql::Result<void> write_channel(sql::Connection& db, const Channel& channel) {
  std::string assignments;
  std::vector<Param> params;
  for (auto& [name, value] : editable(channel)) {
    if (!assignments.empty()) assignments += ", ";
    assignments += select_list(db, name) + " = ?";
    params.push_back(value);
  }
  params.emplace_back(channel.id.value);
  auto done = db.execute("UPDATE channels SET " + assignments + " WHERE id = ?", params);
  if (!done) return done.error();
  return write_abilities(db, channel);
}

}  // namespace

sql::Result<void> update_channel(sql::Connection& db, const Channel& channel) {
  return with_version(db, Topic::kChannels, [&](sql::Connection& tx) { return write_channel(tx, channel); });
}

sql::Result<std::optional<Channel>> edit_channel(sql::Connection& db, core::ChannelId id,
                                                 const std::function<bool(Channel&)>& edit) {
  auto body = [&](sql::Connection& tx) -> sql::Result<std::optional<Channel>> {
    auto channel = lock_channel(tx, id);
    if (!channel || !*channel) return channel;
    if (!edit(**channel)) return std::optional<Channel>();
    if (auto written = write_channel(tx, **channel); !written) return written.error();
    return channel;
  };
  return with_version(db, Topic::kChannels, body, [](const auto& channel) { return channel->has_value(); });
}

sql::Result<bool> delete_channel(sql::Connection& db, core::ChannelId id) {
  return with_version(db, Topic::kChannels, [&](sql::Connection&) -> sql::Result<bool> {
    auto done = db.execute("DELETE FROM channels WHERE id = ?", {Param(id.value)});
    if (!done) return done.error();
    auto abilities = db.execute("DELETE FROM abilities WHERE channel_id = ?", {Param(id.value)});
    if (!abilities) return abilities.error();
    return done->affected > 0;
  });
}

sql::Result<std::int64_t> delete_channels(sql::Connection& db, std::span<const core::ChannelId> ids) {
  std::int64_t deleted = 0;
  for (auto id : ids) {
    auto done = delete_channel(db, id);
    if (!done) return done.error();
    deleted += *done ? 1 : 0;
  }
  return deleted;
}

sql::Result<std::int64_t> delete_disabled_channels(sql::Connection& db) {
  return with_version(db, Topic::kChannels, [&](sql::Connection&) -> sql::Result<std::int64_t> {
    auto abilities =
        db.execute("DELETE FROM abilities WHERE channel_id IN (SELECT id FROM channels WHERE status IN (2, 3))", {});
    if (!abilities) return abilities.error();
    auto done = db.execute("DELETE FROM channels WHERE status IN (2, 3)", {});
    if (!done) return done.error();
    return done->affected;
  });
}

sql::Result<AbilityRepair> rebuild_abilities(sql::Connection& db) {
  auto channels = all_channels(db);
  if (!channels) return channels.error();
  auto cleared = db.execute("DELETE FROM abilities WHERE channel_id NOT IN (SELECT id FROM channels)", {});
  if (!cleared) return cleared.error();
  AbilityRepair repair;
  for (const auto& channel : *channels) {
    auto done = with_version(db, Topic::kChannels, [&](sql::Connection&) { return write_abilities(db, channel); });
    ++(done ? repair.done : repair.failed);
  }
  return repair;
}

sql::Result<std::vector<std::string>> enabled_models(sql::Connection& db) {
  return texts(db.query("SELECT DISTINCT model FROM abilities WHERE enabled ORDER BY model", {}));
}

sql::Result<std::vector<std::string>> enabled_models_of_group(sql::Connection& db, std::string_view group) {
  return texts(db.query("SELECT DISTINCT model FROM abilities WHERE enabled AND " + sql::quoted(db.dialect(), "group") +
                            " = ? ORDER BY model",
                        {Param(group)}));
}

}  // namespace tollgate::model
