// Videos in OpenAI's format: channels of type Sora and OpenAI.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "core/ascii.h"
#include "core/json_edit.h"
#include "core/json_text.h"
#include "net/multipart_reader.h"
#include "tasks/form_fields.h"
#include "tasks/json.h"
#include "tasks/provider.h"

namespace tollgate::tasks {
namespace {

constexpr double kLargeSize = 1.666667;

TaskError refused(std::string code, std::string message) {
  return {.code = std::move(code), .message = std::move(message)};
}

std::int64_t integer_in(std::string_view text) {
  std::int64_t value = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  return ec == std::errc() && end == text.data() + text.size() ? value : 0;
}

bool is_large(std::string_view size) { return size == "1792x1024" || size == "1024x1792"; }
bool is_usual(std::string_view size) { return size == "720x1280" || size == "1280x720"; }

void set_ratios(Work& work, std::int64_t seconds, std::string_view size) {
  work.ratios = {{"seconds", static_cast<double>(seconds)}, {"size", is_large(size) ? kLargeSize : 1}};
}

// What the origin of a remix asked for is what the remix costs.
std::optional<TaskError> read_remix(Work& work) {
  work.action = "remixGenerate";
  auto value = parsed(work.body);
  const auto* object = value.if_object();
  if (!object || core::trimmed(text_of(*object, "prompt")).empty())
    return refused("invalid_request", "field prompt is required");
  auto data = parsed(work.origin->data);
  const auto* origin = data.if_object();
  auto seconds = origin ? integer_in(text_of(*origin, "seconds")) : 0;
  set_ratios(work, seconds > 0 ? seconds : 4, origin ? text_of(*origin, "size") : std::string());
  return std::nullopt;
}

struct Asked {
  std::string model, prompt, size, seconds, reference;
  std::int64_t duration = 0;
};

std::optional<TaskError> read_asked(const Work& work, Asked& asked) {
  if (net::is_form(work.content_type)) {
    auto field = [&](std::string_view name) { return form_text(work.content_type, work.body, name).value_or(""); };
    asked = {.model = field("model"),
             .prompt = field("prompt"),
             .size = field("size"),
             .seconds = field("seconds"),
             .reference = field("input_reference"),
             .duration = integer_in(field("duration"))};
    return std::nullopt;
  }
  auto value = parsed(work.body);
  const auto* object = value.if_object();
  if (!object) return refused("invalid_json", "the body must be a JSON object");
  const auto* seconds = object->if_contains("seconds");
  if (seconds && !seconds->is_string() && !seconds->is_null())
    return refused("invalid_json", "seconds must be a string");
  asked = {.model = text_of(*object, "model"),
           .prompt = text_of(*object, "prompt"),
           .size = text_of(*object, "size"),
           .seconds = text_of(*object, "seconds"),
           .reference = text_of(*object, "input_reference"),
           .duration = integer_of(*object, "duration")};
  return std::nullopt;
}

std::optional<TaskError> read(Work& work) {
  if (work.remix) return read_remix(work);
  Asked asked;
  if (auto wrong = read_asked(work, asked)) return wrong;
  if (core::trimmed(asked.model).empty()) return refused("missing_model", "model field is required");
  if (core::trimmed(asked.prompt).empty()) return refused("invalid_request", "prompt is required");
  work.action = asked.reference.empty() ? "textGenerate" : "generate";
  work.ratios.clear();
  if (!asked.model.starts_with("sora-2")) return std::nullopt;
  if (asked.size.empty()) asked.size = "720x1280";
  if (!is_usual(asked.size) && !(asked.model == "sora-2-pro" && is_large(asked.size)))
    return refused("invalid_size", "sora-2 size is invalid");
  auto seconds = integer_in(asked.seconds);
  if (seconds <= 0) seconds = asked.duration;
  set_ratios(work, seconds > 0 ? seconds : 4, asked.size);
  return std::nullopt;
}

Call submit(const Work& work, std::string_view key, std::string_view model) {
  Call call;
  call.path = work.remix ? "/v1/videos/" + work.origin->task_id + "/remix" : "/v1/videos";
  std::string type = work.content_type.empty() ? "application/json" : work.content_type;
  call.body = work.body;
  if (net::is_form(work.content_type)) {
    if (auto form = with_model(work.content_type, work.body, model)) {
      type = form->content_type;
      call.body = std::move(form->body);
    }
  } else if (!work.remix && model != work.model) {
    core::JsonEditor editor(work.body);
    if (editor.set("model", core::json_string(model))) call.body = editor.text();
  }
  call.headers = {{"Content-Type", type}, {"Authorization", "Bearer " + std::string(key)}};
  return call;
}

// The members of a video object, in their order; others of an upstream stay here.
std::string reduced(std::string_view body, const std::string& id) {
  std::string out = "{\"id\":" + core::json_string(id);
  for (const char* name : {"task_id", "object", "model", "status", "progress", "created_at", "completed_at",
                           "expires_at", "seconds", "size", "remixed_from_video_id", "error", "metadata"}) {
    auto raw = raw_member(body, name);
    const std::string_view member = name;
    if (raw.empty() || raw == "null") {
      if (member == "object") raw = "\"video\"";
      if (member == "model" || member == "status") raw = "\"\"";
      if (member == "progress" || member == "created_at") raw = "0";
    }
    if (raw.empty() || raw == "null") continue;
    out.append(",\"").append(member).append("\":").append(raw);
  }
  return out + "}";
}

std::optional<TaskError> accept(Work& work, const Answer& answer, std::string_view) {
  auto value = parsed(answer.body);
  const auto* object = value.if_object();
  if (!object)
    return TaskError{.status = 500, .code = "unmarshal_response_body_failed", .message = "the answer is no JSON"};
  work.task_id = text_of(*object, "id");
  if (work.task_id.empty()) work.task_id = text_of(*object, "task_id");
  if (work.task_id.empty()) return TaskError{.status = 500, .code = "invalid_response", .message = "task_id is empty"};
  work.answer = reduced(answer.body, work.task_id);
  work.data = answer.body;
  return std::nullopt;
}

Call ask(std::string_view key, std::span<const TaskRow* const> rows) {
  Call call;
  call.method = "GET";
  call.path = "/v1/videos/" + rows.front()->task_id;
  call.headers = {{"Authorization", "Bearer " + std::string(key)}};
  call.limit = std::chrono::seconds(30);
  return call;
}

std::optional<std::vector<Report>> reports(const Answer& answer, const std::string& link_base,
                                           std::span<const TaskRow* const> rows) {
  auto value = parsed(answer.body);
  const auto* object = value.if_object();
  if (!answer.ok() || !object) return std::nullopt;
  Report report;
  report.task_id = rows.front()->task_id;
  report.data = answer.body;
  const auto status = text_of(*object, "status");
  if (status == "queued" || status == "pending") report.status = "QUEUED";
  if (status == "processing" || status == "in_progress") report.status = "IN_PROGRESS";
  if (status == "completed") {
    report.status = "SUCCESS";
    report.url = link_base + "/v1/videos/" + report.task_id + "/content";
  }
  if (status == "failed" || status == "cancelled") {
    report.status = "FAILURE";
    const auto* error = object_of(*object, "error");
    report.reason = error ? text_of(*error, "message") : std::string();
    if (report.reason.empty()) report.reason = "task failed";
  }
  if (report.status.empty()) return std::nullopt;
  if (auto progress = integer_of(*object, "progress"); progress > 0 && progress < 100)
    report.progress = fmt::format("{}%", progress);
  return std::vector<Report>{std::move(report)};
}

std::string video_object(const TaskRow& row) { return row.data.empty() ? "{}" : row.data; }

}  // namespace

const Provider kSora{.read = read,
                     .submit = submit,
                     .accept = accept,
                     .ask = ask,
                     .asks_about = 1,
                     .reports = reports,
                     .video_object = video_object};

}  // namespace tollgate::tasks
