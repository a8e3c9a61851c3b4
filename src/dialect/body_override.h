// The parameter override of a channel: rules that change the body of a request on its way to the upstream. Each changes
// the text that it names; every other byte stays as the client sent it. docs/overrides.md has the language.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "dialect/override_operation.h"

namespace tollgate::dialect {

// What conditions can ask besides the body.
struct OverrideContext {
  std::string_view upstream_model;
  std::string_view original_model;  // as the client named it
  std::string_view request_path;    // with its query
  bool is_channel_test = false;
};

// Immutable: any thread may use it.
class BodyOverride {
 public:
  // The rules of a channel's text, read once; nullptr when it has none (also when it is no JSON object).
  static std::shared_ptr<const BodyOverride> compile(std::string_view source);

  // Changes `body`, which is a valid JSON object. The error is a text for operators; `body` is then of no use.
  core::Result<void> apply(std::string& body, const OverrideContext& context) const;

 private:
  std::vector<OverrideOperation> operations_;
  std::vector<std::pair<std::string, std::string>> fields_;  // without operations: top-level members and their JSON
};

// Why the text should not be stored: it has `operations` that are none, and so would be sent as a member of that name.
// Empty: nothing is wrong.
std::string why_not_store_override(std::string_view source);

}  // namespace tollgate::dialect
