// How each database spells the columns, tables and indexes of the schema. Private to this folder.
#pragma once
#include <string>

#include "model/schema.h"

namespace tollgate::model {

std::string definition(sql::Dialect dialect, const Table& table, const Column& column);
std::string create_table(sql::Dialect dialect, const Table& table);
std::string create_index(sql::Dialect dialect, const Table& table, const Index& index);

}  // namespace tollgate::model
