// Handlers of the Midjourney routes, behind the gate unless they say otherwise.
#pragma once
#include <string>

#include "net/awaitable.h"
#include "relay/request.h"
#include "tasks/finish.h"
#include "tasks/midjourney_row.h"

namespace tollgate::tasks {

net::awaitable<void> answer_midjourney_submit(relay::Request& request);
net::awaitable<void> answer_face_swap(relay::Request& request);

net::awaitable<void> answer_midjourney_task(relay::Request& request);
net::awaitable<void> answer_midjourney_list(relay::Request& request);
net::awaitable<void> answer_midjourney_seed(relay::Request& request);
net::awaitable<void> answer_midjourney_notify(relay::Request& request);
net::awaitable<void> answer_midjourney_image(relay::Request& request);  // without a key

// {"description":"<description> ","type":"upstream_error","code"} with status 400.
net::awaitable<void> answer_midjourney_error(relay::Request& request, std::string_view description, int code = 4);

// What the upstream's key is sent as.
std::pair<std::string, std::string> midjourney_secret(std::string_view key);

// Writes what was told of a picture; one that failed is given back. Blocks: not on a network worker.
sql::Result<Finisher::Outcome> write_midjourney(Finisher& finisher, const sql::Fence& fence,
                                                const MidjourneyRow& before, MidjourneyRow after, bool overdue);
// Whether a row that says so has failed.
bool says_failed(const MidjourneyRow& row);
bool same_midjourney(const MidjourneyRow& a, const MidjourneyRow& b);

}  // namespace tollgate::tasks
