// How this process treats tasks; set once, before the first request.
#pragma once
#include <set>
#include <string>

namespace tollgate::tasks {

struct Settings {
  std::set<std::string, std::less<>>
      per_call;  // TASK_PRICE_PATCH: models whose requests cost the same whatever they ask
};

const Settings& settings();
void set_settings(Settings settings);

}  // namespace tollgate::tasks
