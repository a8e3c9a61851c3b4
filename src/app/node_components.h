// The parts that every node has: database, journal, disk.
#pragma once
#include <string>

#include "app/components.h"
#include "billing/billing.h"
#include "sql/meter.h"

namespace tollgate::app {

// What is passed by reference outlives the components.
void add_components(Components& components, const billing::Billing& billing, const sql::Meter& sql,
                    const std::string& data_dir);

}  // namespace tollgate::app
