// The models that providers are known for: what owned_by of model lists says, and what a new channel is offered.
#pragma once
#include <span>
#include <string_view>

namespace tollgate::provider {

struct ModelList {
  int type;                // channel type
  std::string_view owner;  // as owned_by has it
  std::span<const std::string_view> models;
};

// In ascending order of type; types without names of their own are absent.
std::span<const ModelList> model_lists();

// Who is known for the model; "" when nobody is. From any thread.
std::string_view owner_of(std::string_view model);

}  // namespace tollgate::provider
