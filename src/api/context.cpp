#include "api/context.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/database.h"
#include "core/config.h"
#include "core/percent.h"

namespace tollgate::api {
namespace {

json::object envelope(bool success, std::string_view message) {
  json::object body;
  body.emplace("success", success);
  body.emplace("message", json::string_view(message.data(), message.size()));
  return body;
}

}  // namespace

Query::Query(std::string_view raw) {
  while (!raw.empty()) {
    std::string_view part = raw.substr(0, raw.find('&'));
    raw.remove_prefix(std::min(raw.size(), part.size() + 1));
    const auto equals = part.find('=');
    std::string value =
        equals == std::string_view::npos ? std::string() : core::percent_decoded(part.substr(equals + 1));
    items_.emplace_back(core::percent_decoded(part.substr(0, equals)), std::move(value));
  }
}

std::string Query::text(std::string_view name) const {
  auto it = std::ranges::find(items_, name, [](const auto& item) -> std::string_view { return item.first; });
  return it == items_.end() ? std::string() : it->second;
}

std::int64_t Query::integer(std::string_view name) const { return core::parse_integer(text(name)).value_or(0); }

bool Query::boolean(std::string_view name) const {
  const std::string value = text(name);
  return std::ranges::any_of(std::initializer_list<std::string_view>{"1", "t", "T", "TRUE", "true", "True"},
                             [&](std::string_view yes) { return yes == value; });
}

bool Query::has(std::string_view name) const {
  return std::ranges::any_of(items_, [&](const auto& item) { return item.first == name; });
}

Page Context::page() const {
  Page page;
  page.number = std::clamp<std::int64_t>(query.integer("p"), 1, 1'000'000'000);
  for (std::string_view name : {"page_size", "ps", "size"}) {
    page.size = query.integer(name);
    if (page.size != 0) break;
  }
  if (page.size <= 0) page.size = 10;
  page.size = std::min<std::int64_t>(page.size, 100);
  return page;
}

std::optional<std::int64_t> Context::id() const { return core::parse_integer(parameter); }

LogConnection::LogConnection(const Context& c) : shared_(c.db) {
  if (&c.services.log_db != &c.services.db) own_ = must(c.services.log_db.lease());
}

Response json_response(int status, const json::object& body) {
  return {status, {{"Content-Type", "application/json; charset=utf-8"}}, json_text(body)};
}

Response ok() { return json_response(200, envelope(true, "")); }

Response ok(json::value data) {
  json::object body = envelope(true, "");
  body.emplace("data", std::move(data));
  return json_response(200, body);
}

Response ok_message(std::string_view message) { return json_response(200, envelope(true, message)); }
Response fail(std::string_view message) { return json_response(200, envelope(false, message)); }
Response fail(int status, std::string_view message) { return json_response(status, envelope(false, message)); }

Response fail_key(const Context& context, std::string_view catalogue_key, std::string_view argument) {
  return fail(message(context.language, catalogue_key, argument));
}

Response bad_id(const Context& context) {
  return fail(fmt::format("strconv.Atoi: parsing \"{}\": invalid syntax", context.parameter));
}

Response not_found() { return fail("record not found"); }
Response database_failure() { return fail("database error"); }

json::object page_object(const Page& page, std::int64_t total, json::array items) {
  json::object data;
  data.emplace("page", page.number);
  data.emplace("page_size", page.size);
  data.emplace("total", total);
  data.emplace("items", std::move(items));
  return data;
}

std::string quota_text(const core::Options& options, core::Quota quota) {
  const std::string& type = options.text("general_setting.quota_display_type");
  if (type == "TOKENS") return fmt::format("{} 点额度", quota.units);
  const double per_unit = options.real("QuotaPerUnit");
  const double dollars = per_unit > 0 ? static_cast<double>(quota.units) / per_unit : 0;
  if (type == "CNY") return fmt::format("¥{:.6f} 额度", dollars * options.real("USDExchangeRate"));
  if (type == "CUSTOM") {
    const std::string& symbol = options.text("general_setting.custom_currency_symbol");
    double rate = options.real("general_setting.custom_currency_exchange_rate");
    return fmt::format("{}{:.6f} 额度", symbol.empty() ? "¤" : symbol, dollars * (rate > 0 ? rate : 1));
  }
  return fmt::format("＄{:.6f} 额度", dollars);
}

std::vector<std::string> session_secrets(const Services& services) {
  return services.session_secrets ? services.session_secrets() : services.settings.session_secrets;
}

}  // namespace tollgate::api
