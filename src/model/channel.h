// Channels (upstream accounts) and the abilities that say which group and model each serves.
#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/types.h"
#include "sql/connection.h"

namespace tollgate::model {

enum class ChannelStatus : std::int64_t { kUnknown = 0, kEnabled = 1, kDisabledByHand = 2, kDisabledAutomatically = 3 };

struct Channel {
  core::ChannelId id;
  std::int64_t type = 0;
  std::string key;  // one key, several lines, or a JSON array
  std::string openai_organization;
  std::string test_model;
  std::int64_t status = 1;
  std::string name;
  std::int64_t weight = 0;
  std::int64_t created_time = 0;
  std::int64_t test_time = 0;
  std::int64_t response_time = 0;  // ms
  std::string base_url;
  std::string other;
  double balance = 0;
  std::int64_t balance_updated_time = 0;
  std::string models;  // comma list, not trimmed
  std::string group = "default";
  core::Quota used_quota;
  std::string model_mapping;
  std::string status_code_mapping;
  std::int64_t priority = 0;
  std::int64_t auto_ban = 1;
  std::string other_info;
  std::optional<std::string> tag;
  std::string setting;
  std::string param_override;
  std::string header_override;
  std::string remark;
  std::string channel_info;  // JSON of the several-keys state; empty reads as NULL
  std::string settings;
};

struct ChannelFilter {
  std::string keyword;                 // in id, name, key, base_url
  std::string group;                   // one of the channel's groups
  std::string model;                   // part of the models list
  std::optional<std::int64_t> status;  // 1: enabled, 0: everything else
  std::optional<std::int64_t> type;
  std::optional<std::string> tag;
  bool newest_first = false;  // by id; otherwise by priority, then id, descending
};

sql::Result<std::optional<Channel>> find_channel(sql::Connection& db, core::ChannelId id);
sql::Result<std::vector<Channel>> all_channels(sql::Connection& db);
sql::Result<std::int64_t> count_channels(sql::Connection& db, const ChannelFilter& filter);
sql::Result<std::vector<Channel>> list_channels(sql::Connection& db, const ChannelFilter& filter, std::int64_t offset,
                                                std::int64_t limit);
// How many rows each type has under the filter (its own `type` left out).
sql::Result<std::vector<std::pair<std::int64_t, std::int64_t>>> count_channels_by_type(sql::Connection& db,
                                                                                       ChannelFilter filter);

// Each of these writes the channel and its abilities in one transaction.
sql::Result<core::ChannelId> create_channel(sql::Connection& db, const Channel& channel);
sql::Result<void> update_channel(sql::Connection& db,
                                 const Channel& channel);  // every column but used_quota and balance
// Reads the channel under a lock, lets `edit` change it, and writes it when that says true, so that of two people who
// save different fields neither undoes the other. What is stored then; nullopt: no such channel, or `edit` said no.
sql::Result<std::optional<Channel>> edit_channel(sql::Connection& db, core::ChannelId id,
                                                 const std::function<bool(Channel&)>& edit);
// As find_channel; the row stays as it is until the transaction ends.
sql::Result<std::optional<Channel>> lock_channel(sql::Connection& db, core::ChannelId id);
sql::Result<bool> delete_channel(sql::Connection& db, core::ChannelId id);
sql::Result<std::int64_t> delete_channels(sql::Connection& db, std::span<const core::ChannelId> ids);
sql::Result<std::int64_t> delete_disabled_channels(sql::Connection& db);

// Abilities anew for every channel; the numbers of channels that worked and failed.
struct AbilityRepair {
  std::int64_t done = 0;
  std::int64_t failed = 0;
};
sql::Result<AbilityRepair> rebuild_abilities(sql::Connection& db);
sql::Result<std::vector<std::string>> enabled_models(sql::Connection& db);
sql::Result<std::vector<std::string>> enabled_models_of_group(sql::Connection& db, std::string_view group);

// A comma list of models or groups as the tables hold it: split without trimming.
std::vector<std::string> split_list(std::string_view list);
// The keys in a channel's key text: the raw elements of a JSON array, or lines.
std::vector<std::string> split_keys(std::string_view key_text);

}  // namespace tollgate::model
