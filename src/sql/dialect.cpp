#include "sql/dialect.h"

#include "sql/statement.h"

namespace tollgate::sql {
namespace {

constexpr std::size_t kMostText = 1U << 20U;

template <class Each>
void each_item(std::string_view list, Each each) {
  while (!list.empty()) {
    auto comma = list.find(',');
    auto item = list.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    each(item);
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
}

std::size_t size_of(const Param& param) {
  if (const auto* text = std::get_if<std::string_view>(&param)) return text->size();
  if (const auto* blob = std::get_if<Blob>(&param)) return blob->bytes.size();
  return 8;
}

// One element of an array literal (PostgreSQL manual, 8.15.2).
void append_element(std::string& array, const Param& param) {
  if (array.size() > 1) array += ',';
  if (std::holds_alternative<std::nullptr_t>(param)) {
    array += "NULL";
  } else if (const auto* number = std::get_if<std::int64_t>(&param)) {
    array += number_text(*number);
  } else if (const auto* real = std::get_if<double>(&param)) {
    array += number_text(*real);
  } else if (const auto* yes = std::get_if<bool>(&param)) {
    array += *yes ? 't' : 'f';
  } else {
    const auto* blob = std::get_if<Blob>(&param);
    array += '"';
    for (char c : blob ? blob->bytes : std::get<std::string_view>(param)) {
      if (c == '"' || c == '\\') array += '\\';
      array += c;
    }
    array += '"';
  }
}

Result<void> unnest(Connection& db, const std::string& head, std::span<const BulkColumn> columns,
                    std::span<const Param> values) {
  std::string statement = head + "SELECT * FROM unnest(";
  std::vector<std::string> arrays(columns.size(), "{");
  for (std::size_t i = 0; i < columns.size(); ++i)
    statement += (i ? ", ?::" : "?::") + std::string(columns[i].postgres_type) + "[]";
  for (std::size_t i = 0; i < values.size(); ++i) append_element(arrays[i % columns.size()], values[i]);
  std::vector<Param> params;
  for (auto& array : arrays) params.emplace_back(std::string_view(array += '}'));
  auto done = db.execute(statement + ")", params);
  if (!done) return done.error();
  return {};
}

}  // namespace

std::string insert_or_keep(Dialect dialect, std::string_view insert, std::string_view key) {
  if (dialect != Dialect::kMysql) return std::string(insert) + " ON CONFLICT (" + std::string(key) + ") DO NOTHING";
  // Not INSERT IGNORE, which lets values through that do not fit.
  auto first = std::string(key.substr(0, key.find(',')));
  return std::string(insert) + " ON DUPLICATE KEY UPDATE " + first + " = " + first;
}

std::string insert_or_set(Dialect dialect, std::string_view insert, std::string_view key, std::string_view columns) {
  const bool mysql = dialect == Dialect::kMysql;
  auto text = std::string(insert) +
              (mysql ? " ON DUPLICATE KEY UPDATE " : " ON CONFLICT (" + std::string(key) + ") DO UPDATE SET ");
  bool first = true;
  each_item(columns, [&](std::string_view column) {
    if (!std::exchange(first, false)) text += ", ";
    text +=
        std::string(column) + (mysql ? " = VALUES(" + std::string(column) + ")" : " = excluded." + std::string(column));
  });
  return text;
}

std::string between_commas(Dialect dialect, std::string_view column) {
  if (dialect == Dialect::kMysql) return "CONCAT(',', " + std::string(column) + ", ',')";
  return "(',' || " + std::string(column) + " || ',')";
}

Result<void> insert_rows(Connection& db, std::string_view table, std::span<const BulkColumn> columns,
                         std::span<const Param> values) {
  if (values.empty()) return {};
  std::string head = "INSERT INTO " + std::string(table) + " (";
  std::string row = "(";
  for (const auto& column : columns) {
    head += (&column == columns.data() ? "" : ", ") + quoted(db.dialect(), column.name);
    row += &column == columns.data() ? "?" : ", ?";
  }
  head += ") ";
  row += ")";
  if (db.dialect() == Dialect::kPostgres) return unnest(db, head, columns, values);
  const bool one_by_one = db.dialect() == Dialect::kSqlite;
  for (std::size_t begin = 0; begin < values.size();) {
    auto statement = head + "VALUES " + row;
    std::size_t end = begin, bytes = 0;
    do {
      if (end > begin) statement += ", " + row;
      for (std::size_t i = 0; i < columns.size(); ++i) bytes += size_of(values[end + i]);
      end += columns.size();
    } while (!one_by_one && end < values.size() && bytes + statement.size() < kMostText);
    auto done = db.execute(statement, values.subspan(begin, end - begin));
    if (!done) return done.error();
    begin = end;
  }
  return {};
}

}  // namespace tollgate::sql
