// Upstream providers as data: which dialect a channel type speaks, where its routes are, how it is told who calls.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"
#include "dialect/openai_request.h"

namespace tollgate::provider {

struct Provider {
  int type = 0;                 // channel type number as stored
  std::string_view name;        // shown to people, owned_by of model lists
  std::string_view base_url;    // default; empty: the channel must name one
  bool openai = false;          // speaks the OpenAI dialect on the routes below
  bool stream_options = false;  // takes stream_options
};

// nullptr for a number that is none.
const Provider* find_provider(std::int64_t type);
std::span<const Provider> providers();

// The address of a route at a channel. `base_url` is the channel's, may be empty or end in a slash; type 8 (Custom)
// gives the whole address with {model} in it. kInvalid when neither the channel nor its type has an address.
core::Result<std::string> upstream_url(const Provider& provider, std::string_view base_url, dialect::OpenAiRoute route,
                                       std::string_view upstream_model);

}  // namespace tollgate::provider
