#include "model/history.h"

#include <boost/json.hpp>

#include "sql/server_clock.h"

namespace tollgate::model {
namespace {

namespace json = boost::json;
using sql::Param;

constexpr std::int64_t kKept = std::int64_t{90} * 24 * 3600 * 1000;
constexpr std::size_t kLongestAuthor = 64;

bool names(const std::string& diff, std::string_view field) {
  boost::system::error_code bad;
  auto fields = json::parse(diff, bad);
  if (bad || !fields.is_array()) return false;
  for (const auto& name : fields.get_array())
    if (name.is_string() && std::string_view(name.get_string()) == field) return true;
  return false;
}

}  // namespace

sql::Result<void> note_change(sql::Connection& db, std::string_view topic, std::string_view entity,
                              std::string_view author, std::span<const std::string> fields) {
  json::array list;
  for (const auto& name : fields) list.emplace_back(name);
  const auto diff = json::serialize(list);
  auto done = db.execute(
      "INSERT INTO tg_history (topic, entity, version, author, at, diff) VALUES (?, ?, "
      "COALESCE((SELECT version FROM tg_versions WHERE topic = 'all'), 0), ?, " +
          sql::server_now_ms(db.dialect()) + ", ?)",
      {Param(topic), Param(entity), Param(author.substr(0, kLongestAuthor)), Param(std::string_view(diff))});
  if (!done) return done.error();
  return {};
}

sql::Result<std::optional<Change>> last_change(sql::Connection& db, std::string_view topic, std::string_view entity,
                                               std::string_view field) {
  auto rows = db.query(
      "SELECT author, at, version, diff FROM tg_history WHERE topic = ? AND entity = ? ORDER BY id DESC LIMIT 50",
      {Param(topic), Param(entity)});
  if (!rows) return rows.error();
  for (const auto& row : *rows)
    if (field.empty() || names(row.text(3), field))
      return std::optional(Change{row.text(0), row.integer(1), row.integer(2)});
  return std::optional<Change>();
}

sql::Result<void> remove_old_history(sql::Connection& db) {
  auto done =
      db.execute("DELETE FROM tg_history WHERE at < " + sql::server_now_ms(db.dialect()) + " - ?", {Param(kKept)});
  if (!done) return done.error();
  return {};
}

}  // namespace tollgate::model
