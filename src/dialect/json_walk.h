// Walking values of simdjson's on-demand parser: what has another type than asked for is passed over. Private to this
// folder.
#pragma once
#include <simdjson.h>

#include <string_view>

#include "dialect/padded.h"

namespace tollgate::dialect {

// The data of one event. One at a time a thread: it and Padded share a buffer.
class EventJson {
 public:
  [[gnu::always_inline]] explicit EventJson(std::string_view data) : padded_(data) {
    thread_local simdjson::ondemand::parser parser;
    auto failure = parser.iterate(padded_.view()).get(document_);
    if (failure == simdjson::UTF8_ERROR) {
      // The event passes as it is; what it says counts all the same.
      padded_.to_ascii();
      failure = parser.iterate(padded_.view()).get(document_);
    }
    valid_ = !failure && document_.get_value().get(root_) == simdjson::SUCCESS;
  }
  EventJson(const EventJson&) = delete;
  EventJson& operator=(const EventJson&) = delete;

  bool valid() const { return valid_; }
  simdjson::ondemand::value& root() { return root_; }

 private:
  Padded padded_;
  simdjson::ondemand::document document_;
  simdjson::ondemand::value root_;
  bool valid_ = false;
};

inline bool string_of(simdjson::ondemand::value& value, std::string_view& text) {
  simdjson::ondemand::json_type type;
  return value.type().get(type) == simdjson::SUCCESS && type == simdjson::ondemand::json_type::string &&
         value.get_string().get(text) == simdjson::SUCCESS;
}

// Something else than null stands there.
inline bool is_given(simdjson::ondemand::value& value) {
  simdjson::ondemand::json_type type;
  return value.type().get(type) == simdjson::SUCCESS && type != simdjson::ondemand::json_type::null;
}

// The text of an object; "" of anything else.
inline std::string_view object_text(simdjson::ondemand::value& value) {
  simdjson::ondemand::json_type type;
  simdjson::ondemand::object object;
  std::string_view raw;
  if (value.type().get(type) != simdjson::SUCCESS || type != simdjson::ondemand::json_type::object) return {};
  if (value.get_object().get(object) != simdjson::SUCCESS || object.raw_json().get(raw) != simdjson::SUCCESS) return {};
  return raw;
}

// visit(name, value) for each member of an object.
template <class Visit>
void each_member(simdjson::ondemand::value& value, Visit visit) {
  simdjson::ondemand::json_type type;
  if (value.type().get(type) != simdjson::SUCCESS || type != simdjson::ondemand::json_type::object) return;
  simdjson::ondemand::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return;
  for (auto field : object) {
    std::string_view key;
    simdjson::ondemand::value inner;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS || field.value().get(inner) != simdjson::SUCCESS) return;
    visit(key, inner);
  }
}

// visit(value) for each element of an array.
template <class Visit>
void each_element(simdjson::ondemand::value& value, Visit visit) {
  simdjson::ondemand::json_type type;
  if (value.type().get(type) != simdjson::SUCCESS || type != simdjson::ondemand::json_type::array) return;
  simdjson::ondemand::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) return;
  for (auto element : array) {
    simdjson::ondemand::value inner;
    if (element.get(inner) != simdjson::SUCCESS) return;
    visit(inner);
  }
}

}  // namespace tollgate::dialect
