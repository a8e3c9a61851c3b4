#include "tasks/settings.h"

namespace tollgate::tasks {
namespace {
Settings current;
}  // namespace

const Settings& settings() { return current; }
void set_settings(Settings settings) { current = std::move(settings); }

}  // namespace tollgate::tasks
