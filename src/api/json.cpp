#include "api/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <charconv>
#include <cmath>
#include <limits>

namespace tollgate::api {
namespace {

constexpr std::size_t kMaxDepth = 64;

void write_string(std::string& out, std::string_view text) {
  out.push_back('"');
  for (char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        else
          out.push_back(c);
    }
  }
  out.push_back('"');
}

void write(std::string& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: out += "null"; break;
    case json::kind::bool_: out += value.get_bool() ? "true" : "false"; break;
    case json::kind::int64: out += std::to_string(value.get_int64()); break;
    case json::kind::uint64: out += std::to_string(value.get_uint64()); break;
    case json::kind::double_: out += std::isfinite(value.get_double()) ? decimal_text(value.get_double()) : "0"; break;
    case json::kind::string: write_string(out, {value.get_string().data(), value.get_string().size()}); break;
    case json::kind::array: {
      out.push_back('[');
      bool first = true;
      for (const auto& item : value.get_array()) {
        if (!first) out.push_back(',');
        first = false;
        write(out, item);
      }
      out.push_back(']');
      break;
    }
    case json::kind::object: {
      out.push_back('{');
      bool first = true;
      for (const auto& member : value.get_object()) {
        if (!first) out.push_back(',');
        first = false;
        write_string(out, {member.key().data(), member.key().size()});
        out.push_back(':');
        write(out, member.value());
      }
      out.push_back('}');
      break;
    }
  }
}

bool same_name(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::string json_text(const json::value& value) {
  std::string out;
  write(out, value);
  return out;
}

json::object sorted(const json::object& object) {
  std::vector<std::string> keys;
  for (const auto& member : object) keys.emplace_back(member.key());
  std::ranges::sort(keys);
  json::object out;
  for (const auto& key : keys) out.emplace(key, object.at(key));
  return out;
}

std::string decimal_text(double value) {
  char buffer[400];
  auto [end, ec] = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
  return ec == std::errc{} ? std::string(buffer, end) : std::string("0");
}

core::Result<json::value> parse_json(std::string_view text) {
  if (text.empty()) return core::error(core::Errc::kInvalid, "EOF");
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::error_code ec;
  json::value value = json::parse(json::string_view(text.data(), text.size()), ec, {}, options);
  if (ec) return core::error(core::Errc::kInvalid, "invalid JSON: " + ec.message());
  return value;
}

core::Result<Fields> Fields::parse(std::string_view body) {
  auto value = parse_json(body);
  if (!value) return value.error();
  return of(std::move(*value));
}

core::Result<Fields> Fields::of(json::value value) {
  Fields fields;
  if (value.is_object())
    fields.object_ = std::move(value.get_object());
  else if (!value.is_null())
    return core::error(core::Errc::kInvalid, "invalid JSON: an object is expected");
  return fields;
}

const json::value* Fields::find(std::string_view name) const {
  if (const json::value* exact = object_.if_contains(json::string_view(name.data(), name.size()))) return exact;
  for (const auto& member : object_)
    if (same_name({member.key().data(), member.key().size()}, name)) return &member.value();
  return nullptr;
}

const json::value* Fields::present(std::string_view name) const {
  const json::value* value = find(name);
  return value && !value->is_null() ? value : nullptr;
}

void Fields::wrong(std::string_view name, std::string_view expected) {
  if (error_.empty()) error_ = fmt::format("invalid JSON: field {} must be {}", name, expected);
}

Fields& Fields::get(std::string_view name, std::string& out) {
  if (const json::value* value = present(name)) {
    if (value->is_string())
      out.assign(value->get_string().data(), value->get_string().size());
    else
      wrong(name, "a string");
  }
  return *this;
}

Fields& Fields::get(std::string_view name, std::int64_t& out) {
  if (const json::value* value = present(name)) {
    if (value->is_int64())
      out = value->get_int64();
    else
      wrong(name, "an integer");
  }
  return *this;
}

Fields& Fields::get(std::string_view name, int& out) {
  std::int64_t wide = out;
  get(name, wide);
  if (wide < std::numeric_limits<int>::min() || wide > std::numeric_limits<int>::max())
    wrong(name, "a small integer");
  else
    out = static_cast<int>(wide);
  return *this;
}

Fields& Fields::get(std::string_view name, double& out) {
  if (const json::value* value = present(name)) {
    if (value->is_number())
      out = value->to_number<double>();
    else
      wrong(name, "a number");
  }
  return *this;
}

Fields& Fields::get(std::string_view name, bool& out) {
  if (const json::value* value = present(name)) {
    if (value->is_bool())
      out = value->get_bool();
    else
      wrong(name, "true or false");
  }
  return *this;
}

Fields& Fields::get(std::string_view name, std::optional<std::string>& out) {
  if (present(name)) get(name, out.emplace());
  return *this;
}

Fields& Fields::get(std::string_view name, std::optional<std::int64_t>& out) {
  if (present(name)) get(name, out.emplace());
  return *this;
}

Fields& Fields::get(std::string_view name, std::vector<std::int64_t>& out) {
  const json::value* value = present(name);
  if (!value) return *this;
  if (!value->is_array()) {
    wrong(name, "a list of integers");
    return *this;
  }
  for (const auto& item : value->get_array()) {
    if (!item.is_int64()) {
      wrong(name, "a list of integers");
      return *this;
    }
    out.push_back(item.get_int64());
  }
  return *this;
}

}  // namespace tollgate::api
