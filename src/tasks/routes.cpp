#include "tasks/routes.h"

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

    // The same with a mode before them.
    {"POST", "/{}/mj/submit/imagine", answer_midjourney_submit, kChecksLoad},
    {"POST", "/{}/mj/submit/describe", answer_midjourney_submit, kChecksLoad},
    {"POST", "/{}/mj/submit/blend", answer_midjourney_submit, kChecksLoad},
    {"POST", "/{}/mj/submit/shorten", answer_midjourney_submit, kChecksLoad},
    {"POST", "/{}/mj/submit/edits", answer_midjourney_submit, kChecksLoad},
    {"POST", "/{}/mj/submit/video", answer_midjourney_submit, kChecksLoad},
    {"POST", "/{}/mj/submit/modal", answer_midjourney_submit, kChecksLoad},
    {"POST", "/{}/mj/submit/upload-discord-images", answer_midjourney_submit, kChecksLoad},
    {"POST", "/{}/mj/submit/change", answer_midjourney_submit, kChecksLoad},
    {"POST", "/{}/mj/submit/simple-change", answer_midjourney_submit, kChecksLoad},
    {"POST", "/{}/mj/submit/action", answer_midjourney_submit, kChecksLoad},
    {"POST", "/{}/mj/insight-face/swap", answer_face_swap, kChecksLoad},
    {"POST", "/{}/mj/task/list-by-condition", answer_midjourney_list, kChecksLoad},
    {"POST", "/{}/mj/notify", answer_midjourney_notify, kChecksLoad},
    {"GET", "/{}/mj/task/{}/fetch", answer_midjourney_task, kChecksLoad},
    {"GET", "/{}/mj/task/{}/image-seed", answer_midjourney_seed, kChecksLoad},
    {"GET", "/{}/mj/image/{}", answer_midjourney_image, kChecksLoad, kOpen},
};

}  // namespace

std::span<const relay::KeyRoute> routes() { return kRoutes; }

}  // namespace tollgate::tasks
