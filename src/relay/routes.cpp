#include "relay/routes.h"

namespace tollgate::relay {
namespace {

using dialect::OpenAiRoute;

constexpr Route kRoutes[] = {
    {"/v1/chat/completions", OpenAiRoute::kChatCompletions},
    {"/v1/completions", OpenAiRoute::kCompletions},
    {"/v1/embeddings", OpenAiRoute::kEmbeddings},
};

}  // namespace

std::span<const Route> routes() { return kRoutes; }

const Route* find_route(std::string_view path) {
  for (const auto& route : kRoutes)
    if (route.path == path) return &route;
  return nullptr;
}

}  // namespace tollgate::relay
