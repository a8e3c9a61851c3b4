#include "tasks/midjourney_action.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "core/ascii.h"
#include "tasks/json.h"

namespace tollgate::tasks {
namespace {

core::Error wrong(std::string text) { return core::error(core::Errc::kInvalid, std::move(text)); }

std::vector<std::string> split(std::string_view text, std::string_view by) {
  std::vector<std::string> parts;
  for (;;) {
    auto at = text.find(by);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + by.size());
  }
}

std::optional<int> number_in(std::string_view text) {
  int value = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

core::Result<MidjourneyAction> button_action(std::string_view custom_id) {
  if (custom_id.empty()) return wrong("custom_id_is_required");
  const auto parts = split(custom_id, "::");
  if (parts.size() < 2) return wrong("unknown_action");
  const bool job = parts[1] == "JOB";
  if (job && parts.size() < 3) return wrong("unknown_action");
  const auto& text = job ? parts[2] : parts[1];
  if (text.empty()) return wrong("unknown_action");
  auto has = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  auto with_index = [&](const char* action) -> core::Result<MidjourneyAction> {
    auto index = parts.size() > 3 ? number_in(parts[3]) : std::nullopt;
    if (!index) return wrong("index_parse_failed");
    return MidjourneyAction{action, *index, {}};
  };
  auto first = [](const char* action) { return MidjourneyAction{action, 1, {}}; };
  if (has("upsample")) return with_index("UPSCALE");
  if (text == "variation") return with_index("VARIATION");
  if (text == "low_variation") return first("LOW_VARIATION");
  if (text == "high_variation") return first("HIGH_VARIATION");
  if (has("variation")) return first("");
  if (has("pan")) return first("PAN");
  if (has("reroll")) return first("REROLL");
  if (text == "Outpaint") return first("ZOOM");
  if (text == "CustomZoom") return first("CUSTOM_ZOOM");
  if (text == "Inpaint") return first("INPAINT");
  return wrong("unknown_action:" + std::string(custom_id));
}

core::Result<MidjourneyAction> simple_change(std::string_view content) {
  const auto parts = split(content, " ");
  if (parts.size() != 2 || parts[0].empty()) return wrong("content_parse_failed");
  const auto what = core::ascii_lower(parts[1]);
  if (what == "r") return MidjourneyAction{"REROLL", 0, parts[0]};
  if (what.size() == 2 && what[1] >= '1' && what[1] <= '4' && (what[0] == 'u' || what[0] == 'v'))
    return MidjourneyAction{what[0] == 'u' ? "UPSCALE" : "VARIATION", what[1] - '0', parts[0]};
  return wrong("content_parse_failed");
}

core::Result<MidjourneyAction> midjourney_action(std::string_view route, std::string_view body) {
  const auto value = parsed(body);
  const auto* object = value.if_object();
  if (!object) return wrong("无效的midjourney请求, the body must be a JSON object");
  MidjourneyAction out;
  out.index = static_cast<int>(std::clamp<std::int64_t>(integer_of(*object, "index"), 0, 1000));
  if (route == "action") {
    auto button = button_action(text_of(*object, "customId"));
    if (button && button->action.empty()) button->action = text_of(*object, "action");
    return button;
  }
  if (route == "simple-change") return simple_change(text_of(*object, "content"));
  if (route == "change")
    out.action = text_of(*object, "action");
  else if (route == "swap")
    out.action = "SWAP_FACE";
  else if (route == "upload-discord-images")
    out.action = "UPLOAD";
  else
    for (char c : route) out.action += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

std::string midjourney_model(std::string_view action) {
  return action == "SWAP_FACE" ? "swap_face" : "mj_" + core::ascii_lower(action);
}

bool is_free(std::string_view action) { return action == "INPAINT" || action == "CUSTOM_ZOOM"; }

std::string midjourney_path(std::string_view path, std::string_view query) {
  if (path.find("/mj-") != std::string_view::npos)
    if (auto at = path.find("/mj/"); at != std::string_view::npos) path.remove_prefix(at);
  std::string out(path);
  if (!query.empty()) out.append("?").append(query);
  return out;
}

}  // namespace tollgate::tasks
