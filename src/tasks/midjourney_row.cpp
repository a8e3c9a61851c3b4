#include "tasks/midjourney_row.h"

#include <fmt/core.h>

#include "core/json_text.h"
#include "tasks/json.h"

namespace tollgate::tasks {
namespace {

using sql::Param;

constexpr std::string_view kColumns =
    "id, code, user_id, action, mj_id, prompt, prompt_en, description, state, submit_time, start_time, finish_time, "
    "image_url, video_url, video_urls, status, progress, fail_reason, channel_id, quota, buttons, properties";

MidjourneyRow read(const sql::Row& row) {
  MidjourneyRow out;
  std::size_t i = 0;
  out.id = row.integer(i++);
  out.code = row.integer(i++);
  out.user = {row.integer(i++)};
  for (auto* text : {&out.action, &out.mj_id, &out.prompt, &out.prompt_en, &out.description, &out.state})
    *text = row.text(i++);
  out.submit_time = row.integer(i++);
  out.start_time = row.integer(i++);
  out.finish_time = row.integer(i++);
  for (auto* text : {&out.image_url, &out.video_url, &out.video_urls, &out.status, &out.progress, &out.fail_reason})
    *text = row.text(i++);
  out.channel = {row.integer(i++)};
  out.quota = {row.integer(i++)};
  out.buttons = row.text(i++);
  out.properties = row.text(i++);
  return out;
}

sql::Result<std::vector<MidjourneyRow>> select(sql::Connection& db, const std::string& rest,
                                               std::span<const Param> params) {
  auto rows = db.query(fmt::format("SELECT {} FROM midjourneys WHERE {}", kColumns, rest), params);
  if (!rows) return rows.error();
  std::vector<MidjourneyRow> out;
  for (const auto& row : *rows) out.push_back(read(row));
  return out;
}

// MySQL compares without regard to letter case.
sql::Result<std::optional<MidjourneyRow>> first(sql::Result<std::vector<MidjourneyRow>> rows, std::string_view mj_id) {
  if (!rows) return rows.error();
  for (auto& row : *rows)
    if (row.mj_id == mj_id) return std::optional(std::move(row));
  return std::optional<MidjourneyRow>();
}

std::string or_null(const std::string& raw) { return raw.empty() ? "null" : raw; }

}  // namespace

sql::Result<std::int64_t> insert_midjourney(sql::Connection& db, const MidjourneyRow& row) {
  auto text = [](const std::string& value) { return Param(std::string_view(value)); };
  const Param params[] = {row.code,
                          row.user.value,
                          text(row.action),
                          text(row.mj_id),
                          text(row.prompt),
                          text(row.prompt_en),
                          text(row.description),
                          text(row.state),
                          row.submit_time,
                          row.start_time,
                          row.finish_time,
                          text(row.image_url),
                          text(row.video_url),
                          text(row.video_urls),
                          text(row.status),
                          text(row.progress),
                          text(row.fail_reason),
                          row.channel.value,
                          row.quota.units,
                          text(row.buttons),
                          text(row.properties)};
  auto made = db.insert(
      "INSERT INTO midjourneys(code, user_id, action, mj_id, prompt, prompt_en, description, state, submit_time, "
      "start_time, finish_time, image_url, video_url, video_urls, status, progress, fail_reason, channel_id, quota, "
      "buttons, properties) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      params);
  if (!made) return made.error();
  return made->insert_id;
}

sql::Result<std::optional<MidjourneyRow>> find_midjourney(sql::Connection& db, core::UserId user,
                                                          std::string_view mj_id) {
  const Param params[] = {user.value, mj_id};
  return first(select(db, "user_id = ? AND mj_id = ? ORDER BY id", params), mj_id);
}

sql::Result<std::optional<MidjourneyRow>> find_any_midjourney(sql::Connection& db, std::string_view mj_id) {
  const Param params[] = {mj_id};
  return first(select(db, "mj_id = ? ORDER BY id", params), mj_id);
}

sql::Result<std::vector<MidjourneyRow>> find_midjourneys(sql::Connection& db, core::UserId user,
                                                         std::span<const std::string> ids) {
  std::vector<Param> params{user.value};
  std::string marks;
  for (const auto& id : ids) {
    marks += marks.empty() ? "?" : ", ?";
    params.emplace_back(std::string_view(id));
  }
  return select(db, "user_id = ? AND mj_id IN (" + marks + ") ORDER BY id", params);
}

sql::Result<std::vector<MidjourneyRow>> open_midjourneys(sql::Connection& db) {
  return select(db, "progress <> '100%' ORDER BY id", {});
}

sql::Result<std::int64_t> update_midjourney(sql::Connection& db, const MidjourneyRow& row,
                                            const MidjourneyRow& before) {
  auto text = [](const std::string& value) { return Param(std::string_view(value)); };
  const Param params[] = {row.code,
                          text(row.prompt_en),
                          text(row.state),
                          row.submit_time,
                          row.start_time,
                          row.finish_time,
                          text(row.image_url),
                          text(row.video_url),
                          text(row.video_urls),
                          text(row.status),
                          text(row.progress),
                          text(row.fail_reason),
                          text(row.buttons),
                          text(row.properties),
                          row.id,
                          text(before.status),
                          text(before.progress)};
  auto done = db.execute(
      "UPDATE midjourneys SET code = ?, prompt_en = ?, state = ?, submit_time = ?, start_time = ?, finish_time = ?, "
      "image_url = ?, video_url = ?, video_urls = ?, status = ?, progress = ?, fail_reason = ?, buttons = ?, "
      "properties = ? WHERE id = ? AND status = ? AND progress = ?",
      params);
  if (!done) return done.error();
  return done->affected;
}

MidjourneyRow told(const MidjourneyRow& row, std::string_view item) {
  const auto value = parsed(item);
  const auto* object = value.if_object();
  if (!object) return row;
  auto after = row;
  after.code = 1;
  after.progress = text_of(*object, "progress");
  after.prompt_en = text_of(*object, "promptEn");
  after.state = text_of(*object, "state");
  after.submit_time = integer_of(*object, "submitTime");
  after.start_time = integer_of(*object, "startTime");
  after.finish_time = integer_of(*object, "finishTime");
  if (after.submit_time == 0) after.submit_time = row.submit_time;
  after.image_url = text_of(*object, "imageUrl");
  after.video_url = text_of(*object, "videoUrl");
  auto list = raw_member(item, "videoUrls");
  after.video_urls = list == "null" || list == "[]" ? std::string() : list;
  after.status = text_of(*object, "status").substr(0, 20);
  after.fail_reason = text_of(*object, "failReason");
  for (auto [name, text] : {std::pair{"buttons", &after.buttons}, std::pair{"properties", &after.properties}}) {
    auto raw = raw_member(item, name);
    if (!raw.empty() && raw != "null") *text = raw;
  }
  return after;
}

std::string midjourney_view(const MidjourneyRow& row, const std::optional<std::string>& image_base,
                            std::int64_t now_ns) {
  auto image = row.image_url;
  if (image_base && !image.empty()) {
    image = *image_base + "/mj/image/" + row.mj_id;
    if (row.status != "SUCCESS") image += fmt::format("?rand={}", now_ns);
  }
  std::string out = "{";
  auto text = [&](std::string_view name, std::string_view value) {
    out.append(out.size() > 1 ? ",\"" : "\"").append(name).append("\":");
    core::append_json_string(out, value);
  };
  auto raw = [&](std::string_view name, const std::string& value) {
    out.append(",\"").append(name).append("\":").append(value);
  };
  text("id", row.mj_id);
  text("action", row.action);
  text("customId", "");
  text("botType", "");
  text("prompt", row.prompt);
  text("promptEn", row.prompt_en);
  text("description", row.description);
  text("state", row.state);
  raw("submitTime", std::to_string(row.submit_time));
  raw("startTime", std::to_string(row.start_time));
  raw("finishTime", std::to_string(row.finish_time));
  text("imageUrl", image);
  text("videoUrl", row.video_url);
  raw("videoUrls", or_null(row.video_urls));
  text("status", row.status);
  text("progress", row.progress);
  text("failReason", row.fail_reason);
  raw("buttons", or_null(row.buttons));
  text("maskBase64", "");
  raw("properties", or_null(row.properties));
  return out + "}";
}

}  // namespace tollgate::tasks
