#include "relay/answer_headers.h"

#include <algorithm>

#include "core/ascii.h"

namespace tollgate::relay {
namespace {

bool is_short_text(std::string_view value) {
  return !value.empty() && value.size() <= 256 &&
         std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

bool is_rate_limit(std::string_view name) {
  return name.starts_with("x-ratelimit-") || name.starts_with("ratelimit-") || name == "ratelimit" ||
         name.starts_with("anthropic-ratelimit-");
}

}  // namespace

std::string clean_disposition(std::string_view value) {
  auto kind = core::ascii_lower(value.substr(0, value.find_first_of("; \t")));
  if (kind != "attachment" && kind != "inline") return {};
  auto lower = core::ascii_lower(value);
  auto at = lower.find("filename=");
  std::string name;
  if (at != std::string::npos) {
    auto text = value.substr(at + 9);
    if (text.starts_with('"')) {
      text.remove_prefix(1);
      text = text.substr(0, text.find('"'));
    } else {
      text = text.substr(0, text.find(';'));
    }
    for (char c : text.substr(text.find_last_of("/\\") + 1)) {
      bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' || c == '_' ||
                   c == '-' || c == ' ';
      if (plain && (c != '.' || !name.empty()) && name.size() < 128) name += c;
    }
  }
  return name.empty() ? kind : kind + "; filename=\"" + name + "\"";
}

PassedHeaders passed_headers(const net::UpstreamCall& call, const Channel& channel, bool pass_id) {
  PassedHeaders out;
  if (auto value = call.header("content-disposition"))
    if (auto clean = clean_disposition(*value); !clean.empty()) out.emplace_back("Content-Disposition", clean);
  if (pass_id)
    if (auto value = call.header("x-request-id"); value && is_short_text(*value))
      out.emplace_back("x-upstream-request-id", *value);
  if (channel.pass_limits) {
    for (const auto& field : call.headers()) {
      auto name = core::ascii_lower(field.name);
      if (is_rate_limit(name) && is_short_text(field.value) && out.size() < 32)
        out.emplace_back(std::move(name), field.value);
    }
  }
  return out;
}

}  // namespace tollgate::relay
