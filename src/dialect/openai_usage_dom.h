// A usage object as part of a document that is parsed anyway. Private to this folder.
#pragma once
#include <simdjson.h>

#include "dialect/openai_usage.h"

namespace tollgate::dialect {

// As the one for a text.
std::optional<billing::Usage> read_openai_usage(const simdjson::dom::element& object, bool* refused);

}  // namespace tollgate::dialect
