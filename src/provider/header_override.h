// The header override of a channel: headers of its upstream calls that the operator sets, and those of the client that
// are passed on. docs/overrides.md has the language.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/regex.h"
#include "core/result.h"

namespace tollgate::provider {

struct HeaderField {
  std::string_view name, value;
};

// Immutable: any thread may use it.
class HeaderOverride {
 public:
  // The rules of a channel's text, read once; nullptr when it has none (also when it is no JSON object).
  static std::shared_ptr<const HeaderOverride> compile(std::string_view source);

  // Why nothing can be sent by these rules, in words for operators; empty: they are fine.
  const std::string& fault() const { return fault_; }
  // Whether a header is set by name, in any letter case, even if its value comes out empty.
  bool sets(std::string_view name) const;
  // Whether headers() looks at the client's headers.
  bool asks_client() const { return asks_client_; }

  // Names and values in the order in which they apply; the later one of a name wins, `Host` among them. kInvalid, in
  // words for operators, when a value cannot stand in a header.
  core::Result<std::vector<std::pair<std::string, std::string>>> headers(std::string_view api_key,
                                                                         std::span<const HeaderField> client) const;
  // Values that must not be seen in a text of the upstream.
  std::vector<std::string_view> secrets() const;

 private:
  struct Entry {
    std::string name;
    std::string value;        // with {api_key} in it
    std::string client_name;  // instead: the client's header of that name
  };
  void read(std::string_view name, std::string_view raw_value);

  bool passes_all_ = false;
  bool asks_client_ = false;
  std::vector<core::Regex> passes_;
  std::vector<Entry> entries_;
  std::string fault_;
};

// Why the text should not be stored; empty: nothing is wrong.
std::string why_not_store_header_override(std::string_view source);

}  // namespace tollgate::provider
