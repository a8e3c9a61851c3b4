// Handlers of Suno and of videos: submissions and reads, behind the gate.
#pragma once
#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::tasks {

net::awaitable<void> answer_suno_submit(relay::Request& request);
net::awaitable<void> answer_suno_list(relay::Request& request);
net::awaitable<void> answer_suno_task(relay::Request& request);

net::awaitable<void> answer_video_submit(relay::Request& request);
net::awaitable<void> answer_video_remix(relay::Request& request);
net::awaitable<void> answer_generation(relay::Request& request);  // the row as it is stored
net::awaitable<void> answer_video(relay::Request& request);       // as a video object
net::awaitable<void> answer_video_content(relay::Request& request);

}  // namespace tollgate::tasks
