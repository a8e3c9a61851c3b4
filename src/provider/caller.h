// The headers by which an upstream learns who calls.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace tollgate::provider {

struct OwnHeader {
  std::string_view name;  // of the program, never freed
  std::string value;
};

// Those of one call. A fixed room: no provider needs more.
struct CallerHeaders {
  std::array<OwnHeader, 3> items;
  std::size_t count = 0;

  void add(std::string_view name, std::string value) { items[count++] = {name, std::move(value)}; }
};

struct CallerInput {
  std::string_view key;         // the channel's
  std::string_view other = {};  // the channel's column
  bool stream = false;
};

// kInvalid when the key has not the form that the provider's keys have.
using CallerRule = core::Result<void> (*)(const CallerInput& input, CallerHeaders& headers);

core::Result<void> bearer(const CallerInput& input, CallerHeaders& headers);
core::Result<void> azure_key(const CallerInput& input, CallerHeaders& headers);
core::Result<void> baidu_key(const CallerInput& input, CallerHeaders& headers);  // "token" or "token|appid"
core::Result<void> dashscope_key(const CallerInput& input, CallerHeaders& headers);

// How this installation names itself to providers that list their callers; made once when channels are loaded.
struct Site {
  std::string_view name;
  std::string_view address;
};
using SiteHeaderRule = std::vector<OwnHeader> (*)(const Site& site);

std::vector<OwnHeader> openrouter_site(const Site& site);

}  // namespace tollgate::provider
