// Suno: songs and lyrics, behind a proxy that speaks the same format as the gateway.
#include "core/json_edit.h"
#include "core/json_text.h"
#include "tasks/json.h"
#include "tasks/provider.h"

namespace tollgate::tasks {
namespace {

TaskError invalid(std::string message) { return {.code = "invalid_request", .message = std::move(message)}; }

std::optional<TaskError> read(Work& work) {
  if (work.path_action != "MUSIC" && work.path_action != "LYRICS") return invalid("invalid_action");
  work.action = work.path_action;
  auto value = parsed(work.body);
  const auto* object = value.if_object();
  if (!object) return invalid("the body must be a JSON object");
  if (work.action == "LYRICS" && text_of(*object, "prompt").empty()) return invalid("prompt_empty");
  if (!text_of(*object, "continue_clip_id").empty() && text_of(*object, "task_id").empty())
    return invalid("task id is empty");
  return std::nullopt;
}

// The members the upstream knows, as the client wrote them.
std::string kept_members(const Work& work) {
  std::string out = "{";
  auto add = [&](std::string_view name, const std::string& raw) {
    if (raw.empty()) return;
    if (out.size() > 1) out += ',';
    core::append_json_string(out, name);
    out.append(":").append(raw);
  };
  for (const char* name :
       {"gpt_description_prompt", "prompt", "mv", "title", "tags", "continue_at", "task_id", "continue_clip_id"}) {
    auto raw = raw_member(work.body, name);
    if (std::string_view(name) == "mv" && work.action == "MUSIC" && (raw.empty() || raw == "\"\"" || raw == "null"))
      raw = "\"chirp-v3-0\"";
    add(name, raw);
  }
  auto instrumental = raw_member(work.body, "make_instrumental");
  add("make_instrumental", instrumental.empty() ? "false" : instrumental);
  return out + "}";
}

Call submit(const Work& work, std::string_view key, std::string_view) {
  Call call;
  call.path = "/suno/submit/" + work.action;
  call.headers = {{"Content-Type", "application/json"},
                  {"Accept", "application/json"},
                  {"Authorization", "Bearer " + std::string(key)}};
  call.body = kept_members(work);
  return call;
}

std::optional<TaskError> accept(Work& work, const Answer& answer, std::string_view) {
  auto value = parsed(answer.body);
  const auto* object = value.if_object();
  if (!object)
    return TaskError{.status = 500, .code = "unmarshal_response_body_failed", .message = "the answer is no JSON"};
  if (auto code = text_of(*object, "code"); code != "success")
    return TaskError{.status = 500, .code = code, .message = text_of(*object, "message"), .local = false};
  work.task_id = text_of(*object, "data");
  if (work.task_id.empty())
    return TaskError{.status = 500, .code = "invalid_response", .message = "the answer names no task"};
  work.answer = answer.body;
  return std::nullopt;
}

Call ask(std::string_view key, std::span<const TaskRow* const> rows) {
  Call call;
  call.path = "/suno/fetch";
  call.headers = {{"Content-Type", "application/json"}, {"Authorization", "Bearer " + std::string(key)}};
  call.limit = std::chrono::seconds(15);
  for (const auto* row : rows)
    core::append_json_string(call.body += call.body.empty() ? "{\"ids\":[" : ",", row->task_id);
  call.body += "]}";
  return call;
}

std::optional<std::vector<Report>> reports(const Answer& answer, const std::string&, std::span<const TaskRow* const>) {
  auto value = parsed(answer.body);
  const auto* object = value.if_object();
  if (!answer.ok() || !object || text_of(*object, "code") != "success") return std::nullopt;
  std::vector<Report> out;
  const auto list = raw_member(answer.body, "data");
  const auto items = core::scan_array(list);
  if (!items) return out;
  for (const auto& item : *items) {
    const auto text = std::string_view(list).substr(item.begin, item.size());
    const auto one_value = parsed(text);
    const auto* one = one_value.if_object();
    if (!one) continue;
    Report report;
    report.task_id = text_of(*one, "task_id");
    report.status = text_of(*one, "status");
    report.reason = text_of(*one, "fail_reason");
    report.submit_time = integer_of(*one, "submit_time");
    report.start_time = integer_of(*one, "start_time");
    report.finish_time = integer_of(*one, "finish_time");
    if (!report.reason.empty()) report.status = "FAILURE";
    if (report.status == "SUCCESS" || report.status == "FAILURE") report.progress = "100%";
    report.data = raw_member(text, "data");
    if (report.data == "null") report.data.clear();
    out.push_back(std::move(report));
  }
  return out;
}

}  // namespace

const Provider kSuno{.read = read,
                     .submit = submit,
                     .accept = accept,
                     .ask = ask,
                     .asks_about = 200,
                     .tells_progress = false,
                     .reports = reports,
                     .video_object = nullptr};

}  // namespace tollgate::tasks
