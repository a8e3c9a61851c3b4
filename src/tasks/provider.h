// What differs between the upstreams of tasks: one table a kind of upstream. Stateless; the functions wait for nothing.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/request.h"
#include "tasks/price.h"
#include "tasks/task_error.h"
#include "tasks/task_row.h"
#include "tasks/upstream.h"

namespace tollgate::tasks {

// One submission on its way: what the client asked for, what the provider made of it, what came back.
struct Work {
  std::string model;              // for routing and price
  std::string body;               // the client's, at least 64 readable bytes follow it
  std::string content_type;       // the client's
  std::string path_action;        // Suno: the last segment of the path
  std::optional<TaskRow> origin;  // the task this one goes on from
  bool remix = false;

  std::string action;
  std::vector<ExtraRatio> ratios;

  std::string task_id;
  std::string answer;  // for the client
  std::string answer_type = "application/json";
  std::string data;  // kept in the row; empty: nothing yet
};

// How an upstream says a task stands.
struct Report {
  std::string task_id;  // of providers that are asked about many at once
  std::string status;
  std::string progress;
  std::string reason;  // of a failure
  std::string url;     // of a success
  std::int64_t submit_time = 0, start_time = 0, finish_time = 0;
  std::string data;
};

struct Provider {
  // Judges the request, sets action and ratios.
  std::optional<TaskError> (*read)(Work& work);
  // `key` and `model` as the channel has them.
  Call (*submit)(const Work& work, std::string_view key, std::string_view model);
  // Of an answer with status 200: sets task_id, answer and data.
  std::optional<TaskError> (*accept)(Work& work, const Answer& answer, std::string_view model);
  // One call about these rows of one channel; how many may be asked about at once.
  Call (*ask)(std::string_view key, std::span<const TaskRow* const> rows);
  std::size_t asks_about = 1;
  bool tells_progress = true;  // else it stays at 0% until the end
  // nullopt: nothing is known, the rows stay as they are.
  std::optional<std::vector<Report>> (*reports)(const Answer& answer, const std::string& link_base,
                                                std::span<const TaskRow* const> rows);
  // The row as GET /v1/videos/{id} shows it; nullptr: not shown there.
  std::string (*video_object)(const TaskRow& row);
};

// By the row's column: "suno", else the number of a channel type. nullptr: none is built.
const Provider* find_task_provider(std::string_view platform);

extern const Provider kSuno;
extern const Provider kSora;

}  // namespace tollgate::tasks
