#include "api/option_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "api/console_lists.h"
#include "api/json.h"
#include "core/config.h"

namespace tollgate::api {
namespace {

using core::OptionCheck;
using core::OptionSpec;
using core::OptionType;

constexpr double kMaxRateLimit = 2147483647;

std::optional<double> number(std::string_view text) {
  double value = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

bool is_bool(std::string_view key, std::string_view value) {
  if (value == "true" || value == "false") return true;
  return key.find('.') != std::string_view::npos && core::parse_bool(value).has_value();
}

// "NNN" or "NNN-NNN" within 100–599, separated by commas of either width; blanks do not count.
std::string bad_status_codes(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 3) == "，") {
      plain.push_back(',');
      i += 2;
    } else if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r' && text[i] != '\n') {
      plain.push_back(text[i]);
    }
  }
  auto code = [](std::string_view part) {
    auto value = part.size() == 3 ? core::parse_integer(part) : std::nullopt;
    return value && *value >= 100 && *value <= 599 ? *value : -1;
  };
  std::string bad;
  std::string_view rest = plain;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    if (part.empty()) continue;
    const auto dash = part.find('-');
    const std::int64_t first = code(part.substr(0, dash));
    const std::int64_t last = dash == std::string_view::npos ? first : code(part.substr(dash + 1));
    if (first < 0 || last < first) bad += (bad.empty() ? "" : ", ") + std::string(part);
  }
  return bad.empty() ? std::string() : "invalid http status code rules: " + bad;
}

std::string check_number_map(const json::object& map, std::string_view what) {
  for (const auto& member : map)
    if (!member.value().is_number()) return fmt::format("{}: {} must be a number", what, std::string(member.key()));
  return {};
}

std::string check_rate_limits(const json::object& map) {
  for (const auto& member : map) {
    const std::string group(member.key());
    const auto* pair = member.value().if_array();
    if (!pair || pair->size() != 2 || !pair->at(0).is_int64() || !pair->at(1).is_int64())
      return fmt::format("group {} must be [total, successful] in whole numbers", group);
    const auto total = pair->at(0).get_int64(), success = pair->at(1).get_int64();
    if (total < 0 || success < 1)
      return fmt::format("group {} has negative rate limit values: [{}, {}]", group, total, success);
    if (static_cast<double>(total) > kMaxRateLimit || static_cast<double>(success) > kMaxRateLimit)
      return fmt::format("group {} [{}, {}] has max rate limits value 2147483647", group, total, success);
  }
  return {};
}

std::string check_object(const OptionSpec& spec, const json::object& object) {
  switch (spec.check) {
    case OptionCheck::kGroupRatio:
      if (std::string fault = check_number_map(object, spec.key); !fault.empty()) return fault;
      for (const auto& member : object)
        if (member.value().to_number<double>() < 0)
          return fmt::format("group ratio must be not less than 0: {}", std::string(member.key()));
      return {};
    case OptionCheck::kNumberMap: return check_number_map(object, spec.key);
    case OptionCheck::kNestedNumberMap:
      for (const auto& member : object) {
        const auto* inner = member.value().if_object();
        if (!inner) return fmt::format("{}: {} must be an object", spec.key, std::string(member.key()));
        if (std::string fault = check_number_map(*inner, spec.key); !fault.empty()) return fault;
      }
      return {};
    case OptionCheck::kTextMap:
      for (const auto& member : object)
        if (!member.value().is_string())
          return fmt::format("{}: {} must be a string", spec.key, std::string(member.key()));
      return {};
    case OptionCheck::kModelRateLimits: return check_rate_limits(object);
    default: return {};
  }
}

std::string check_type(const OptionSpec& spec, std::string_view value) {
  switch (spec.type) {
    case OptionType::kBool: return is_bool(spec.key, value) ? "" : fmt::format("{} must be true or false", spec.key);
    case OptionType::kInt: return core::parse_integer(value) ? "" : fmt::format("{} must be a whole number", spec.key);
    case OptionType::kFloat: return number(value) ? "" : fmt::format("{} must be a number", spec.key);
    case OptionType::kStatusCodes: return bad_status_codes(value);
    case OptionType::kJsonObject:
    case OptionType::kJsonArray: {
      auto parsed = parse_json(value);
      if (!parsed) return std::string(spec.refusal) + parsed.error().message;
      const bool object = spec.type == OptionType::kJsonObject;
      if (object ? !parsed->is_object() : !parsed->is_array())
        return fmt::format("{}{} must be a JSON {}", spec.refusal, spec.key, object ? "object" : "array");
      if (!object) return {};
      std::string fault = check_object(spec, parsed->get_object());
      return fault.empty() ? fault : std::string(spec.refusal) + fault;
    }
    default: return {};
  }
}

template <class... Allowed>
std::string one_of(const OptionSpec& spec, std::string_view value, Allowed... allowed) {
  if (((value == allowed) || ...)) return {};
  return fmt::format("{} has no value {}", spec.key, value);
}

// A list that is empty, or of nothing but separators.
bool nothing_in(std::string_view text) { return text.find_first_not_of(", \t\r\n") == std::string_view::npos; }

std::string check_rule(const core::Options& current, const OptionSpec& spec, std::string_view value) {
  switch (spec.check) {
    case OptionCheck::kNeeds:
      return value == "true" && nothing_in(current.text(spec.needs)) ? std::string(spec.refusal) : std::string();
    case OptionCheck::kNotNegative: return *number(value) >= 0 ? "" : fmt::format("{} must not be negative", spec.key);
    case OptionCheck::kPositive: return *number(value) > 0 ? "" : fmt::format("{} must be greater than 0", spec.key);
    case OptionCheck::kDisplayType: return one_of(spec, value, "USD", "CNY", "TOKENS", "CUSTOM");
    case OptionCheck::kExportTime: return one_of(spec, value, "hour", "day", "week");
    case OptionCheck::kApiInfo: return check_api_info(value);
    case OptionCheck::kAnnouncements: return check_announcements(value);
    case OptionCheck::kFaq: return check_faq(value);
    case OptionCheck::kUptimeGroups: return check_uptime_groups(value);
    default: return {};
  }
}

}  // namespace

std::string check_option(const core::Options& current, std::string_view key, std::string_view value) {
  const OptionSpec* spec = core::find_option(core::canonical_option(key));
  if (!spec) return {};
  if (std::string fault = check_type(*spec, value); !fault.empty()) return fault;
  return check_rule(current, *spec, value);
}

}  // namespace tollgate::api
