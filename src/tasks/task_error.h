// Refusals of task routes behind the gate, and whole answers in JSON.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "net/awaitable.h"
#include "relay/request.h"

namespace tollgate::tasks {

// {"code","message","data":null}. `local`: found by the gateway, so that another channel would not help.
struct TaskError {
  int status = 400;
  std::string code;
  std::string message;
  bool local = true;
};

net::awaitable<void> answer_json(relay::Request& request, int status, std::string_view body);
// In the shape of task routes; the text of 429 is the contract's, texts that may name hosts are masked.
net::awaitable<void> answer_error(relay::Request& request, const TaskError& error);
// As the gate speaks: before a channel was chosen.
net::awaitable<void> answer_refusal(relay::Request& request, const dialect::RelayError& error);

// Whether another channel may do what this one failed to do.
bool may_retry(const TaskError& error);

}  // namespace tollgate::tasks
