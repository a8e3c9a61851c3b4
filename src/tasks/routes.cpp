#include "tasks/routes.h"

#include <string>
#include <vector>

#include "tasks/midjourney.h"
#include "tasks/task_routes.h"

namespace tollgate::tasks {
namespace {

constexpr bool kChecksLoad = true;
constexpr bool kOpen = true;  // links to pictures are shared

constexpr relay::KeyRoute kRoutes[] = {
    {"POST", "/suno/submit/{}", answer_suno_submit, kChecksLoad},
    {"POST", "/suno/fetch", answer_suno_list, kChecksLoad},
    {"GET", "/suno/fetch/{}", answer_suno_task, kChecksLoad},

    {"POST", "/v1/videos", answer_video_submit},
    {"POST", "/v1/video/generations", answer_video_submit},
    {"POST", "/v1/videos/{}/remix", answer_video_remix},
    {"GET", "/v1/videos/{}", answer_video},
    {"GET", "/v1/videos/{}/content", answer_video_content},
    {"GET", "/v1/video/generations/{}", answer_generation},

    {"POST", "/mj/submit/imagine", answer_midjourney_submit, kChecksLoad},
    {"POST", "/mj/submit/describe", answer_midjourney_submit, kChecksLoad},
    {"POST", "/mj/submit/blend", answer_midjourney_submit, kChecksLoad},
    {"POST", "/mj/submit/shorten", answer_midjourney_submit, kChecksLoad},
    {"POST", "/mj/submit/edits", answer_midjourney_submit, kChecksLoad},
    {"POST", "/mj/submit/video", answer_midjourney_submit, kChecksLoad},
    {"POST", "/mj/submit/modal", answer_midjourney_submit, kChecksLoad},
    {"POST", "/mj/submit/upload-discord-images", answer_midjourney_submit, kChecksLoad},
    {"POST", "/mj/submit/change", answer_midjourney_submit, kChecksLoad},
    {"POST", "/mj/submit/simple-change", answer_midjourney_submit, kChecksLoad},
    {"POST", "/mj/submit/action", answer_midjourney_submit, kChecksLoad},
    {"POST", "/mj/insight-face/swap", answer_face_swap, kChecksLoad},
    {"POST", "/mj/task/list-by-condition", answer_midjourney_list, kChecksLoad},
    {"POST", "/mj/notify", answer_midjourney_notify, kChecksLoad},
    {"GET", "/mj/task/{}/fetch", answer_midjourney_task, kChecksLoad},
    {"GET", "/mj/task/{}/image-seed", answer_midjourney_seed, kChecksLoad},
    {"GET", "/mj/image/{}", answer_midjourney_image, kChecksLoad, kOpen},
};

}  // namespace

std::span<const relay::KeyRoute> routes() {
  // Midjourney's also stand behind a mode: /fast/mj/…
  static constexpr std::string_view kMidjourney = "/mj/";
  static const auto patterns = [] {
    std::vector<std::string> all;
    for (const auto& route : kRoutes)
      if (route.pattern.starts_with(kMidjourney)) all.push_back("/{}" + std::string(route.pattern));
    return all;
  }();
  static const auto table = [] {
    std::vector<relay::KeyRoute> all(std::begin(kRoutes), std::end(kRoutes));
    auto pattern = patterns.begin();
    for (auto route : kRoutes) {
      if (!route.pattern.starts_with(kMidjourney)) continue;
      route.pattern = *pattern++;
      all.push_back(route);
    }
    return all;
  }();
  return table;
}

}  // namespace tollgate::tasks
