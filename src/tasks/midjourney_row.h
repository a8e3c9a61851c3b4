// Rows of the table midjourneys: pictures that an upstream was asked for. Functions run on the caller's connection.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"
#include "sql/connection.h"

namespace tollgate::tasks {

struct MidjourneyRow {
  std::int64_t id = 0;
  std::int64_t code = 0;
  core::UserId user;
  std::string action;
  std::string mj_id;  // the upstream's
  std::string prompt, prompt_en, description, state;
  std::int64_t submit_time = 0, start_time = 0, finish_time = 0;  // unix milliseconds
  std::string image_url, video_url;
  std::string video_urls;  // JSON
  std::string status;      // as the upstream writes it; empty at first
  std::string progress;
  std::string fail_reason;
  core::ChannelId channel;
  core::Quota quota;                // charged
  std::string buttons, properties;  // JSON
};

sql::Result<std::int64_t> insert_midjourney(sql::Connection& db, const MidjourneyRow& row);
sql::Result<std::optional<MidjourneyRow>> find_midjourney(sql::Connection& db, core::UserId user,
                                                          std::string_view mj_id);
// Of whomever: for links that are shared.
sql::Result<std::optional<MidjourneyRow>> find_any_midjourney(sql::Connection& db, std::string_view mj_id);
sql::Result<std::vector<MidjourneyRow>> find_midjourneys(sql::Connection& db, core::UserId user,
                                                         std::span<const std::string> ids);
sql::Result<std::vector<MidjourneyRow>> open_midjourneys(sql::Connection& db);
// Writes what an upstream tells of `row` unless status and progress are no longer those of `before`; rows written.
sql::Result<std::int64_t> update_midjourney(sql::Connection& db, const MidjourneyRow& row, const MidjourneyRow& before);

// What an upstream says of a picture, laid over the row: text that a JSON object of its format has.
MidjourneyRow told(const MidjourneyRow& row, std::string_view item);
// As clients see it. Links to pictures go by the gateway at `image_base`; without it they are the upstream's own.
std::string midjourney_view(const MidjourneyRow& row, const std::optional<std::string>& image_base,
                            std::int64_t now_ns);

}  // namespace tollgate::tasks
