// A submission from the choice of its channel to the answer: the upstream takes it on, the row is stored, the charge
// journaled, and only then the client is told.
#pragma once
#include "net/awaitable.h"
#include "relay/request.h"
#include "tasks/provider.h"

namespace tollgate::tasks {

// `platform` is empty where the channel's type says it. Answers the request in any case.
net::awaitable<void> submit(relay::Request& request, Work work, std::string platform);

// The task that a new one names as its origin.
net::awaitable<std::optional<TaskError>> find_origin(relay::Request& request, const std::string& task_id, Work& work);

}  // namespace tollgate::tasks
