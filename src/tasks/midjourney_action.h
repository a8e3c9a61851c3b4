// What a Midjourney request asks for: the action behind its route and body, which names the model it is priced by.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace tollgate::tasks {

struct MidjourneyAction {
  std::string action;   // IMAGINE, UPSCALE, …
  int index = 0;        // of the picture it is about; 0: none
  std::string task_id;  // of a simple change, whose text names it
};

// `route` is the last segment of the path; kInvalid with the error's description.
core::Result<MidjourneyAction> midjourney_action(std::string_view route, std::string_view body);
// Of a button: "MJ::JOB::upsample::2::3dbbd469".
core::Result<MidjourneyAction> button_action(std::string_view custom_id);
// Of a text "<id> U2".
core::Result<MidjourneyAction> simple_change(std::string_view content);

// mj_imagine, mj_upscale, …, swap_face.
std::string midjourney_model(std::string_view action);
// Actions that cost nothing.
bool is_free(std::string_view action);

// Where the upstream is asked: a mode in the path is dropped when it is written "/mj-<mode>/", and kept otherwise.
std::string midjourney_path(std::string_view path, std::string_view query);

}  // namespace tollgate::tasks
