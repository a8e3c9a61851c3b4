// The tables of a next release: those of this one, a column more in two of them, an index, and a table of its own.
#include "model/schema.h"

#define tables tables_of_this_release
#include "../../src/model/schema_tables.cpp"
#undef tables

namespace tollgate::model {
namespace {

constexpr Column kNew[] = {
    {.name = "id", .cls = ColumnClass::kInt, .not_null = true},
    {.name = "text", .cls = ColumnClass::kText},
};

// The columns or indexes of a table and one more; kept for as long as the process runs.
template <class T>
std::span<const T> with(std::span<const T> given, const T& more) {
  static std::vector<std::vector<T>> kept;
  kept.emplace_back(given.begin(), given.end()).push_back(more);
  return kept.back();
}

std::vector<Table> next() {
  std::vector<Table> all(tables_of_this_release().begin(), tables_of_this_release().end());
  for (auto& table : all) {
    if (table.name != "channels" && table.name != "logs") continue;
    table.columns = with(table.columns, {.name = "tg_next", .cls = ColumnClass::kLiteral, .literal = "varchar(32)"});
    if (table.name == "logs") table.indexes = with(table.indexes, {.name = "idx_tg_next", .columns = "tg_next"});
  }
  all.push_back({.name = "tg_next", .columns = kNew, .indexes = {}, .primary_key = "id"});
  return all;
}

}  // namespace

std::span<const Table> tables() {
  static const auto all = next();
  return all;
}

}  // namespace tollgate::model
