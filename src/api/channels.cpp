// Channels: lists, single ones, removal, status and abilities.
#include <algorithm>

#include "api/channel_json.h"
#include "api/database.h"
#include "api/handlers.h"
#include "core/config.h"

namespace tollgate::api {
namespace {

constexpr std::int64_t kEverything = 1'000'000;

void changed(const Context& c) {
  if (c.services.channels_changed) c.services.channels_changed();
}

std::string lower(std::string text) {
  for (char& ch : text)
    if (ch >= 'A' && ch <= 'Z') ch = static_cast<char>(ch - 'A' + 'a');
  return text;
}

// The filters both lists share; the type is put in by the caller.
model::ChannelFilter filter_of(const Query& query) {
  model::ChannelFilter filter;
  const std::string status = lower(query.text("status"));
  if (status == "enabled" || status == "1") filter.status = 1;
  if (status == "disabled" || status == "0") filter.status = 0;
  filter.newest_first = query.boolean("id_sort");
  return filter;
}

std::optional<std::int64_t> type_of(const Query& query) {
  auto type = core::parse_integer(query.text("type"));
  return type && *type >= 0 ? type : std::nullopt;
}

json::object type_counts(Context& c, const model::ChannelFilter& filter) {
  json::object counts;
  for (const auto& [type, count] : must(model::count_channels_by_type(c.db, filter)))
    counts.insert_or_assign(std::to_string(type), count);
  return counts;
}

json::array documents(const std::vector<model::Channel>& channels) {
  json::array items;
  for (const auto& channel : channels) items.push_back(channel_document(channel));
  return items;
}

// The distinct tags of channels, in their order.
std::vector<std::string> tags_of(const std::vector<model::Channel>& channels) {
  std::vector<std::string> tags;
  for (const auto& channel : channels)
    if (channel.tag && !channel.tag->empty() && std::ranges::find(tags, *channel.tag) == tags.end())
      tags.push_back(*channel.tag);
  return tags;
}

std::vector<model::Channel> channels_with_tag(Context& c, model::ChannelFilter filter, const std::string& tag) {
  filter.tag = tag;
  return must(model::list_channels(c.db, filter, 0, kEverything));
}

template <class Item>
std::vector<Item> slice(const std::vector<Item>& all, std::int64_t offset, std::int64_t count) {
  const auto size = static_cast<std::int64_t>(all.size());
  const auto from = std::min(offset, size), to = std::min(offset + count, size);
  return {all.begin() + from, all.begin() + to};
}

// One page is a number of tags, each with all its channels.
Response list_by_tag(Context& c, const model::ChannelFilter& filter, const Page& page, json::object counts) {
  const auto tags = tags_of(must(model::list_channels(c.db, {}, 0, kEverything)));
  json::array items;
  for (const std::string& tag : slice(tags, page.offset(), page.size))
    for (const auto& channel : channels_with_tag(c, filter, tag)) items.push_back(channel_document(channel));
  json::object data;
  data.emplace("items", std::move(items));
  data.emplace("total", tags.size());
  data.emplace("page", page.number);
  data.emplace("page_size", page.size);
  data.emplace("type_counts", std::move(counts));
  return ok(std::move(data));
}

}  // namespace

Response list_channels(Context& c) {
  model::ChannelFilter filter = filter_of(c.query);
  json::object counts = type_counts(c, filter);
  filter.type = type_of(c.query);
  const Page page = c.page();
  if (c.query.boolean("tag_mode")) return list_by_tag(c, filter, page, std::move(counts));
  json::object data;
  data.emplace("items", documents(must(model::list_channels(c.db, filter, page.offset(), page.size))));
  data.emplace("total", must(model::count_channels(c.db, filter)));
  data.emplace("page", page.number);
  data.emplace("page_size", page.size);
  data.emplace("type_counts", std::move(counts));
  return ok(std::move(data));
}

Response search_channels(Context& c) {
  model::ChannelFilter filter = filter_of(c.query);
  filter.keyword = c.query.text("keyword");
  filter.model = c.query.text("model");
  filter.group = c.query.text("group") == "null" ? "" : c.query.text("group");
  const std::int64_t number = std::clamp<std::int64_t>(c.query.integer("p"), 1, kEverything);
  std::int64_t size = c.query.integer("page_size");
  if (size <= 0) size = 20;
  size = std::min(size, kEverything);

  std::vector<model::Channel> found = must(model::list_channels(c.db, filter, 0, kEverything));
  if (c.query.boolean("tag_mode")) {
    model::ChannelFilter all;
    all.newest_first = filter.newest_first;
    std::vector<model::Channel> tagged;
    for (const std::string& tag : tags_of(found))
      for (auto& channel : channels_with_tag(c, all, tag)) tagged.push_back(std::move(channel));
    found = std::move(tagged);
  }
  json::object counts;
  for (const auto& channel : found) {
    json::value& count = counts[std::to_string(channel.type)];
    count = count.is_int64() ? count.get_int64() + 1 : 1;
  }
  if (auto type = type_of(c.query)) std::erase_if(found, [&](const auto& channel) { return channel.type != *type; });
  json::object data;
  data.emplace("items", documents(slice(found, (number - 1) * size, size)));
  data.emplace("total", found.size());
  data.emplace("type_counts", std::move(counts));
  return ok(std::move(data));
}

Response get_channel(Context& c) {
  if (!c.id()) return bad_id(c);
  auto channel = must(model::find_channel(c.db, core::ChannelId{*c.id()}));
  if (!channel) return not_found();
  Response response = ok(channel_document(*channel));
  response.headers.emplace_back(kRowVersionHeader, row_version(model::kChannelHistory, channel_fields(), *channel));
  return response;
}

Response show_channel_key(Context&) {
  // Only a session that has just proved a second factor may see a key, and there is none to prove here yet: the answer
  // is that of a session without proof.
  json::object body;
  body.emplace("success", false);
  body.emplace("message", "需要安全验证");
  body.emplace("code", "VERIFICATION_REQUIRED");
  Response response = json_response(403, body);
  response.headers.emplace_back("Cache-Control", "no-store, no-cache, must-revalidate, private, max-age=0");
  response.headers.emplace_back("Pragma", "no-cache");
  response.headers.emplace_back("Expires", "0");
  return response;
}

Response delete_channel(Context& c) {
  if (!c.id() || *c.id() == 0) return fail("WHERE conditions required");
  if (must(model::delete_channel(c.db, core::ChannelId{*c.id()}))) changed(c);
  return ok();
}

Response delete_channels(Context& c) {
  std::vector<std::int64_t> ids;
  auto fields = Fields::parse(c.request.body);
  if (!fields || !fields->get("ids", ids).ok() || ids.empty()) return fail("参数错误");
  std::vector<core::ChannelId> channels;
  for (std::int64_t id : ids) channels.push_back(core::ChannelId{id});
  const std::int64_t deleted = must(model::delete_channels(c.db, channels));
  changed(c);
  return ok(deleted);
}

Response delete_disabled_channels(Context& c) {
  const std::int64_t deleted = must(model::delete_disabled_channels(c.db));
  changed(c);
  return ok(deleted);
}

Response fix_abilities(Context& c) {
  const auto repair = must(model::rebuild_abilities(c.db));
  changed(c);
  json::object data;
  data.emplace("success", repair.done);
  data.emplace("fails", repair.failed);
  return ok(std::move(data));
}

}  // namespace tollgate::api
