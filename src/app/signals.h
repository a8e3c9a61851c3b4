// The signals that the program lives by. They are blocked in every thread and taken here by one.
#pragma once
#include <chrono>
#include <optional>

namespace tollgate::app {

// Before any thread is started.
void block_signals();
// SIGTERM, SIGINT or SIGHUP; nullopt after `limit`.
std::optional<int> wait_for_signal(std::optional<std::chrono::milliseconds> limit);
// Whether SIGTERM or SIGINT waits to be taken: a start that waits must not outlive it.
bool stop_is_asked();

}  // namespace tollgate::app
