#include "core/config.h"

#include "core/ascii.h"

#include <openssl/sha.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <stdexcept>

extern char** environ;

namespace tollgate::core {
namespace {

const Variable* find_variable(std::string_view name) {
  for (const auto& variable : variables())
    if (variable.name == name) return &variable;
  return nullptr;
}

bool is_number_like(VariableType type) {
  return type == VariableType::kInt || type == VariableType::kBool || type == VariableType::kDuration;
}

// What env files of other tools leave around a value: quotes, a trailing comment, blanks.
std::string forgive(const Variable& variable, std::string_view raw, std::vector<std::string>& warnings) {
  std::string_view value = raw;
  auto warn = [&](std::string_view what) { warnings.push_back(std::string(variable.name) + ": " + std::string(what)); };
  if (variable.secret) {
    if (core::trimmed(value) != value) warn("white space around a secret is kept; is it meant?");
  } else {
    value = core::trimmed(value);
  }
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.front() == value.back()) {
    value = value.substr(1, value.size() - 2);
    warn("surrounding quotes removed");
  }
  if (is_number_like(variable.type)) {
    if (auto comment = value.find(" #"); comment != std::string_view::npos) {
      value = core::trimmed(value.substr(0, comment));
      warn("trailing comment removed");
    }
  }
  return std::string(value);
}

// Empty when the value is good, else what is wrong with it.
std::string check(const Variable& variable, const std::string& value) {
  switch (variable.type) {
    case VariableType::kInt: {
      auto number = parse_integer(value);
      if (!number) return "is not a whole number";
      if ((variable.min != 0 || variable.max != 0) && (*number < variable.min || *number > variable.max))
        return "must be between " + std::to_string(variable.min) + " and " + std::to_string(variable.max);
      return {};
    }
    case VariableType::kBool: return parse_bool(value) ? std::string() : "is not a boolean (true or false)";
    case VariableType::kDuration:
      return parse_duration(value) ? std::string() : "is not a duration (250ms, 5s, 2m, 1h, or seconds)";
    case VariableType::kBounds: return parse_bounds(value) ? std::string() : "is not a time and a size (60s,16MB)";
    case VariableType::kChoice: {
      std::string_view rest = variable.choices;
      while (!rest.empty()) {
        auto bar = rest.find('|');
        if (rest.substr(0, bar) == value) return {};
        rest = bar == std::string_view::npos ? std::string_view() : rest.substr(bar + 1);
      }
      return "must be one of " + std::string(variable.choices);
    }
    default: return {};
  }
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

void warn_unknown(std::string_view name, std::vector<std::string>& warnings) {
  if (find_variable(name)) return;
  std::string_view stem = name;
  if (stem.ends_with("_FILE")) {
    stem.remove_suffix(5);
    if (const auto* variable = find_variable(stem); variable && variable->secret) return;
  }
  std::string_view nearest;
  std::size_t best = 3;
  for (const auto& variable : variables()) {
    if (variable.name.size() < 6) continue;  // TZ and PORT are near to everything
    auto distance = edit_distance(name, variable.name);
    if (distance < best) {
      best = distance;
      nearest = variable.name;
    }
  }
  if (!nearest.empty()) {
    warnings.push_back(std::string(name) + ": unknown variable; is " + std::string(nearest) + " meant?");
  } else if (name.starts_with("TOLLGATE_") && name != "TOLLGATE_ENV_FILE") {
    warnings.push_back(std::string(name) + ": unknown variable, without effect");
  }
}

std::string fingerprint(std::string_view secret) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), digest);
  constexpr char hex[] = "0123456789abcdef";
  std::string text = "sha256:";
  for (int i = 0; i < 4; ++i) {
    text.push_back(hex[digest[i] >> 4]);
    text.push_back(hex[digest[i] & 15]);
  }
  return text;
}

}  // namespace

std::optional<bool> parse_bool(std::string_view text) {
  std::string lower;
  for (char c : text) lower.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  if (lower == "yes" || lower == "on") return true;
  if (lower == "no" || lower == "off") return false;
  for (std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"})
    if (text == yes) return true;
  for (std::string_view no : {"0", "f", "F", "FALSE", "false", "False"})
    if (text == no) return false;
  return std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::int64_t factor = 1000;
  if (text.ends_with("ms")) {
    factor = 1;
    text.remove_suffix(2);
  } else if (text.ends_with('s')) {
    text.remove_suffix(1);
  } else if (text.ends_with('m')) {
    factor = 60'000;
    text.remove_suffix(1);
  } else if (text.ends_with('h')) {
    factor = 3'600'000;
    text.remove_suffix(1);
  }
  auto number = parse_integer(text);
  if (!number || *number < 0 || *number > 1'000'000'000) return std::nullopt;
  return std::chrono::milliseconds(*number * factor);
}

std::optional<std::size_t> parse_bytes(std::string_view text) {
  unsigned shift = 0;
  if (text.ends_with('B')) text.remove_suffix(1);
  for (auto [unit, bits] : {std::pair('K', 10U), std::pair('M', 20U), std::pair('G', 30U)}) {
    if (!text.ends_with(unit)) continue;
    shift = bits;
    text.remove_suffix(1);
    break;
  }
  auto number = parse_integer(text);
  if (!number || *number < 0 || *number > 1'000'000'000) return std::nullopt;
  return static_cast<std::size_t>(*number) << shift;
}

std::optional<Bounds> parse_bounds(std::string_view text) {
  auto comma = text.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  auto time = parse_duration(core::trimmed(text.substr(0, comma)));
  auto bytes = parse_bytes(core::trimmed(text.substr(comma + 1)));
  if (!time || !bytes) return std::nullopt;
  return Bounds{*time, *bytes};
}

ConfigSources ConfigSources::of_process() {
  ConfigSources sources;
  for (char** item = environ; *item; ++item) {
    std::string_view text = *item;
    auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    sources.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  sources.read_file = [](const std::string& path) -> std::optional<std::string> {
    std::ifstream in(path, std::ios::binary);
    if (!in) return std::nullopt;
    std::ostringstream text;
    text << in.rdbuf();
    return std::move(text).str();
  };
  return sources;
}

Config Config::load(const ConfigSources& sources, ConfigReport& report) {
  EnvFile env_file;
  if (auto text = sources.read_file ? sources.read_file(sources.env_file) : std::nullopt) {
    env_file = parse_env_file(*text, sources.environment);
    if (!env_file.error.empty()) report.errors.push_back(sources.env_file + ": " + env_file.error);
  } else if (sources.env_file_required) {
    report.errors.push_back(sources.env_file + ": cannot be read");
  }

  Config config;
  auto from = [](const auto& map, std::string_view name) -> const std::string* {
    auto found = map.find(name);
    return found == map.end() || found->second.empty() ? nullptr : &found->second;
  };
  struct Bad {
    const Variable* variable;
    std::string text;
  };
  std::vector<Bad> bad;
  for (const auto& variable : variables()) {
    Entry entry{std::string(variable.fallback), "default"};
    const std::string* raw = nullptr;
    std::string file_value;
    const std::string file_name = std::string(variable.name) + "_FILE";
    // PORT is the one variable that beats its flag, as in the compatible product.
    const std::string* flag = from(sources.flags, variable.name);
    const std::string* environment = from(sources.environment, variable.name);
    if (flag && !(variable.name == "PORT" && environment)) {
      raw = flag;
      entry.origin = "flag";
    } else if (environment) {
      raw = environment;
      entry.origin = "environment";
    }
    if (variable.secret) {
      if (const auto* path = from(sources.environment, file_name)) {
        if (environment) {
          report.errors.push_back(std::string(variable.name) + " and " + file_name + " are both set");
        } else if (auto text = sources.read_file ? sources.read_file(*path) : std::nullopt) {
          file_value = *text;
          if (file_value.ends_with('\n')) file_value.pop_back();
          raw = &file_value;
          entry.origin = "file";
        } else {
          report.errors.push_back(file_name + ": " + *path + " cannot be read");
        }
      }
    }
    // A variable that is set, even to the empty text, is not overridden by the .env file.
    if (!raw && !sources.environment.contains(variable.name)) {
      if (const auto* value = from(env_file.values, variable.name)) {
        raw = value;
        entry.origin = ".env";
      }
    }
    if (raw) {
      std::string value = forgive(variable, *raw, report.warnings);
      std::string wrong = value.empty() ? std::string() : check(variable, value);
      if (value.empty()) {
        entry.origin = "default";
      } else if (wrong.empty()) {
        entry.value = std::move(value);
      } else {
        bad.push_back({&variable, std::string(variable.name) + " " + wrong +
                                      (variable.secret ? std::string() : " (it is '" + value + "')")});
        entry.origin = "default";
      }
    }
    if (entry.origin != "default" && variable.support == Support::kNotYet)
      report.errors.push_back(std::string(variable.name) + " is set, but this build has no support for it yet (" +
                              std::string(variable.meaning) + "); unset it to start");
    config.entries_.emplace(variable.name, std::move(entry));
  }

  const bool strict = config.boolean("TOLLGATE_STRICT_CONFIG");
  for (auto& item : bad) {
    if (item.variable->bad == OnBadValue::kRefuse || strict) {
      report.errors.push_back(item.text);
    } else {
      report.warnings.push_back(
          item.text + "; using " +
          (item.variable->fallback.empty() ? "the default" : std::string(item.variable->fallback)));
    }
  }
  for (const auto& [name, value] : sources.environment) warn_unknown(name, report.warnings);
  for (const auto& [name, value] : env_file.values) warn_unknown(name, report.warnings);

  const auto& secret = config.text("SESSION_SECRET");
  if (secret == "random_string") {
    report.errors.emplace_back("SESSION_SECRET is the example value random_string; set a long random text");
  } else if (!secret.empty() && (secret.size() < 16 || secret == "your_session_secret" || secret == "changeme")) {
    std::string text = "SESSION_SECRET is an example value or shorter than 16 bytes: anybody can forge a log-in";
    (strict ? report.errors : report.warnings).push_back(text);
  }
  const auto& admin = config.text("TOLLGATE_ADMIN_TOKEN");
  if (!admin.empty() && admin.size() < 16)
    report.errors.emplace_back("TOLLGATE_ADMIN_TOKEN must have at least 16 characters");
  return config;
}

const Config::Entry& Config::entry(std::string_view name) const {
  auto found = entries_.find(name);
  if (found == entries_.end()) throw std::logic_error("no variable " + std::string(name));
  return found->second;
}

bool Config::is_set(std::string_view name) const { return entry(name).origin != "default"; }
const std::string& Config::text(std::string_view name) const { return entry(name).value; }
std::string_view Config::origin(std::string_view name) const { return entry(name).origin; }

std::int64_t Config::integer(std::string_view name) const {
  const auto& value = entry(name).value;
  return value.empty() ? 0 : parse_integer(value).value();
}

bool Config::boolean(std::string_view name) const {
  const auto& value = entry(name).value;
  return !value.empty() && parse_bool(value).value();
}

std::chrono::milliseconds Config::duration(std::string_view name) const {
  const auto& value = entry(name).value;
  return value.empty() ? std::chrono::milliseconds(0) : parse_duration(value).value();
}

Bounds Config::bounds(std::string_view name) const {
  const auto& value = entry(name).value;
  return value.empty() ? Bounds() : parse_bounds(value).value();
}

std::vector<std::string> Config::list(std::string_view name) const {
  std::vector<std::string> items;
  std::string_view rest = entry(name).value;
  while (!rest.empty()) {
    auto comma = rest.find(',');
    auto item = core::trimmed(rest.substr(0, comma));
    if (!item.empty()) items.emplace_back(item);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return items;
}

std::string Config::describe() const {
  std::string text;
  for (const auto& variable : variables()) {
    const auto& found = entry(variable.name);
    text += variable.name;
    text += '=';
    text += variable.secret && !found.value.empty() ? fingerprint(found.value) : found.value;
    text += "  # ";
    text += found.origin;
    if (variable.support == Support::kNoEffect) text += ", without effect";
    text += '\n';
  }
  return text;
}

}  // namespace tollgate::core
