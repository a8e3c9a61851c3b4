// Reading and writing options, for root.
#include "model/option.h"

#include "api/database.h"
#include "api/handlers.h"
#include "api/option_check.h"
#include "core/default_prices.h"

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

void store(const Context& c, std::string_view key, std::string_view value) {
  must(model::save_option(c.db, key, value));
  if (c.services.options_changed) c.services.options_changed();
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
  // A form that was filled from masked data sends the mask back: the secret stays as it is.
  if (core::is_secret_option(key) && value.find("****") != std::string::npos) return ok();
  if (std::string fault = check_option(*c.options, key, value); !fault.empty()) return fail(fault);
  store(c, key, value);
  return ok();
}

Response reset_model_ratio(Context& c) {
  store(c, "ModelRatio", core::default_price_table("ModelRatio"));
  return ok_message("重置模型倍率成功");
}

}  // namespace tollgate::api
