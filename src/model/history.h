// Who changed what of the shared configuration, and when: the table tg_history. It says which fields, never their
// values, so that no secret stands in it.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/connection.h"

namespace tollgate::model {

// Of what a change was: the names in the column `topic`.
inline constexpr std::string_view kChannelHistory = "channel", kTokenHistory = "token", kUserHistory = "user",
                                  kOptionHistory = "option";

struct Change {
  std::string author;        // the user's name
  std::int64_t at = 0;       // unix ms, by the database's clock
  std::int64_t version = 0;  // of the topic `all`, once the change was in
};

// In the transaction of the change, behind the raising of its version. `entity`: an id, or an option's key.
sql::Result<void> note_change(sql::Connection& db, std::string_view topic, std::string_view entity,
                              std::string_view author, std::span<const std::string> fields);
// The last change of that field, or of anything when `field` is empty; nullopt: none is known.
sql::Result<std::optional<Change>> last_change(sql::Connection& db, std::string_view topic, std::string_view entity,
                                               std::string_view field = {});
// Those older than 90 days.
sql::Result<void> remove_old_history(sql::Connection& db);

}  // namespace tollgate::model
