// GET /v1/models and /v1/models/{model}: what a key may use, in the shape that the client's dialect knows.
#pragma once
#include <set>
#include <string>
#include <string_view>

#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::relay {

// Behind the gate.
net::awaitable<void> answer_model_list(Request& request);
net::awaitable<void> answer_model_detail(Request& request);

enum class ListShape { kOpenAi, kAnthropic, kGemini };
// By path, headers and the query parameter `key`, which is how Gemini clients name themselves.
ListShape list_shape(const Request& request);

using ModelNames = std::set<std::string, std::less<>>;
// The limits of the key where it has some; else the models of its group that have a price. In alphabetical order.
ModelNames models_for(const Snapshot& snapshot, const Identity& identity, std::string_view group);

std::string list_json(ListShape shape, const Snapshot& snapshot, const ModelNames& names);

}  // namespace tollgate::relay
