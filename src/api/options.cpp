// Reading and writing options, for root.
#include "model/option.h"

#include <algorithm>

#include "api/database.h"
#include "api/handlers.h"
#include "api/option_check.h"
#include "api/row_version.h"
#include "core/default_prices.h"
#include "model/history.h"
#include "model/version.h"

namespace tollgate::api {
namespace {

// A value of any JSON type as the text that is stored.
std::string option_text(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return {};
    case json::kind::string: return std::string(value.get_string());
    default: return json_text(value);
  }
}

using Values = std::vector<std::pair<std::string, std::string>>;

// A form that was filled from masked data sends the mask back: the secret stays as it is.
bool is_mask(std::string_view key, std::string_view value) {
  return core::is_secret_option(key) && value.find("****") != std::string_view::npos;
}

// Those that have another value now.
sql::Result<Values> different(sql::Connection& db, const Values& values) {
  auto stored = model::load_options(db);
  if (!stored) return stored.error();
  Values others;
  std::ranges::copy_if(values, std::back_inserter(others),
                       [&](const auto& option) { return std::ranges::find(*stored, option) == stored->end(); });
  return others;
}

// Of these, the keys that have changed since `base`.
sql::Result<std::vector<std::string>> changed_since(sql::Connection& db, std::int64_t base, const Values& values) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : values) {
    auto change = model::last_change(db, model::kOptionHistory, key);
    if (!change) return change.error();
    if (*change && (*change)->version > base) keys.push_back(key);
  }
  return keys;
}

// All or none; with a base, none when one of them has changed since. The keys that have.
std::vector<std::string> store(const Context& c, const Values& values, std::optional<std::int64_t> base = {}) {
  auto conflicts =
      must(sql::with_once(c.db, once_key(), [&](sql::Connection& db) -> sql::Result<std::vector<std::string>> {
        // Nobody else changes an option between the look and the change.
        if (auto locked = model::lock_epoch(db); !locked) return locked.error();
        auto news = different(db, values);
        if (!news) return news.error();
        if (base) {
          auto changed = changed_since(db, *base, *news);
          if (!changed || !changed->empty()) return changed;
        }
        auto done = model::save_options(db, values);
        for (const auto& [key, value] : *news)
          if (done) done = model::note_change(db, model::kOptionHistory, key, c.user.username, {});
        if (!done) return done.error();
        return std::vector<std::string>();
      }));
  if (conflicts.empty() && c.services.options_changed) c.services.options_changed();
  return conflicts;
}

void store(const Context& c, std::string key, std::string value) {
  store(c, Values{{std::move(key), std::move(value)}});
}

// What is stored now of these keys, secrets left out.
json::object stored_values(Context& c, std::span<const std::string> keys) {
  json::object values;
  for (const auto& [key, value] : must(model::load_options(c.db)))
    if (!core::is_secret_option(key) && std::ranges::find(keys, key) != keys.end())
      values.emplace(key, json::string(value));
  return values;
}

}  // namespace

Response list_options(Context& c) {
  json::array items;
  for (const auto& [key, value] : c.options->all()) {
    if (core::is_secret_option(key)) continue;
    json::object item;
    item.emplace("key", json::string(key));
    item.emplace("value", json::string(value));
    items.push_back(std::move(item));
  }
  return ok(std::move(items));
}

Response update_option(Context& c) {
  std::string key;
  auto fields = Fields::parse(c.request.body);
  if (!fields || !fields->get("key", key).ok() || key.empty() || key.size() > 191) return fail(400, "无效的参数");
  key = core::canonical_option(key);
  const json::value* sent = fields->find("value");
  const std::string value = sent ? option_text(*sent) : std::string();
  if (is_mask(key, value)) return ok();
  if (std::string fault = check_option(*c.options, key, value); !fault.empty()) return fail(fault);
  store(c, key, value);
  return ok();
}

Response reset_model_ratio(Context& c) {
  store(c, "ModelRatio", std::string(core::default_price_table("ModelRatio")));
  return ok_message("重置模型倍率成功");
}

Response read_options(Context& c) {
  // Before the values: what comes between is told as a conflict then, and not overwritten.
  const std::int64_t epoch = c.services.cluster.epoch ? c.services.cluster.epoch() : 0;
  const auto options = c.services.options ? c.services.options() : c.options;
  json::object values;
  for (const auto& [key, value] : options->all())
    if (!core::is_secret_option(key)) values.emplace(key, json::string(value));
  json::object data;
  data.emplace("epoch", epoch);
  data.emplace("values", std::move(values));
  return ok(std::move(data));
}

Response update_options(Context& c) {
  std::optional<std::int64_t> base;
  auto fields = Fields::parse(c.request.body);
  if (!fields || !fields->get("base_epoch", base).ok()) return fail(400, "无效的参数");
  const json::value* sent = fields->find("values");
  if (!sent || !sent->is_object() || sent->get_object().empty()) return fail(400, "无效的参数");
  // One that needs another may come together with it.
  core::OptionRows together;
  for (const auto& [key, value] : c.options->all()) together.insert_or_assign(key, value);
  Values values;
  for (const auto& entry : sent->get_object()) {
    std::string key(core::canonical_option(std::string(entry.key())));
    if (key.empty() || key.size() > 191) return fail(400, "无效的参数");
    std::string value = option_text(entry.value());
    if (is_mask(key, value)) continue;
    together.insert_or_assign(key, value);
    values.emplace_back(std::move(key), std::move(value));
  }
  std::ranges::sort(values);  // as every transaction locks them
  const core::Options wanted(together);
  for (const auto& [key, value] : values)
    if (std::string fault = check_option(wanted, key, value); !fault.empty()) return fail(key + ": " + fault);
  const auto conflicts = store(c, values, base);
  if (conflicts.empty()) return ok();
  json::object data;
  data.emplace("epoch", must(model::lock_epoch(c.db)));
  data.emplace("current", stored_values(c, conflicts));
  std::vector<EditConflict> known;
  for (const auto& key : conflicts) known.push_back({key, must(model::last_change(c.db, model::kOptionHistory, key))});
  return edit_conflict(known, std::move(data));
}

}  // namespace tollgate::api
