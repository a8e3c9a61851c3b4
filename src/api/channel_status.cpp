// Switching a channel on and off by hand, and asking its upstream whether it works.
#include "model/channel_status.h"

#include <fmt/core.h>

#include "api/channel_json.h"
#include "api/database.h"
#include "api/handlers.h"

namespace tollgate::api {

Response set_channel_status(Context& c) {
  if (!c.id()) return bad_id(c);
  std::int64_t status = 0;
  auto fields = Fields::parse(c.request.body);
  if (!fields || !fields->get("status", status).ok() || (status != 1 && status != 2))
    return fail_key(c, "common.invalid_params");
  const core::ChannelId id{*c.id()};
  if (!must(model::set_channel_status(c.db, id, static_cast<model::ChannelStatus>(status), "", c.now())))
    return not_found();
  if (c.services.channels_changed) c.services.channels_changed();
  auto channel = must(model::find_channel(c.db, id));
  return channel ? ok(channel_document(*channel)) : not_found();
}

Response test_channel(Context& c) {
  if (!c.id()) return bad_id(c);
  if (!must(model::find_channel(c.db, core::ChannelId{*c.id()}))) return not_found();
  if (!c.services.test_channel) return fail("channel tests are not available");
  const auto result = c.services.test_channel({.channel = core::ChannelId{*c.id()},
                                               .model = c.query.text("model"),
                                               .endpoint = c.query.text("endpoint_type"),
                                               .stream = c.query.boolean("stream")});
  json::object body;
  body.emplace("success", result.success);
  body.emplace("message", json::string(result.message));
  body.emplace("time", result.seconds);
  return json_response(200, body);
}

Response test_channels(Context& c) {
  if (!c.services.test_all_channels) return fail("channel tests are not available");
  return c.services.test_all_channels() ? ok() : fail("测试已在运行中");
}

Response update_channel_balance(Context& c) {
  if (!c.id()) return bad_id(c);
  const core::ChannelId id{*c.id()};
  if (!must(model::find_channel(c.db, id))) return fail(fmt::format("渠道# {}，已不存在", id.value));
  if (!c.services.update_balance) return fail("balances are not available");
  auto balance = c.services.update_balance(id);
  if (!balance) return fail(balance.error().message);
  json::object body;
  body.emplace("success", true);
  body.emplace("message", "");
  body.emplace("balance", *balance);
  return json_response(200, body);
}

Response update_channel_balances(Context& c) {
  if (!c.services.update_all_balances) return fail("balances are not available");
  return c.services.update_all_balances() ? ok() : fail("balances are being updated already");
}

}  // namespace tollgate::api
