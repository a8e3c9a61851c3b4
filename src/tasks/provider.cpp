#include "tasks/provider.h"

namespace tollgate::tasks {

const Provider* find_task_provider(std::string_view platform) {
  if (platform == "suno") return &kSuno;
  if (platform == "1" || platform == "55") return &kSora;
  return nullptr;
}

}  // namespace tollgate::tasks
