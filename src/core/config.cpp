#include "core/config.h"

#include "core/ascii.h"
#include "core/config_checks.h"

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
    if (variable.name == name || (!variable.also.empty() && variable.also == name)) return &variable;
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

// The choice that a value is in whatever case, or nullopt.
std::optional<std::string> choice_of(std::string_view choices, std::string_view value) {
  while (!choices.empty()) {
    auto bar = choices.find('|');
    auto choice = choices.substr(0, bar);
    if (ascii_lower(choice) == ascii_lower(value)) return std::string(choice);
    choices = bar == std::string_view::npos ? std::string_view() : choices.substr(bar + 1);
  }
  return std::nullopt;
}

std::string for_example(const Variable& variable) {
  return variable.fallback.empty()
             ? std::string()
             : ", for example " + std::string(variable.name) + "=" + std::string(variable.fallback);
}

// Empty when the value is good, else what is wrong with it and what to do. A choice is brought into the table's case.
std::string check(const Variable& variable, std::string& value) {
  std::string wrong;
  switch (variable.type) {
    case VariableType::kInt: {
      auto number = parse_integer(value);
      const bool bounded = variable.min != 0 || variable.max != 0;
      auto range = "a number between " + std::to_string(variable.min) + " and " + std::to_string(variable.max);
      if (!number)
        wrong = "is not a whole number; set " + (bounded ? range : "one");
      else if (bounded && (*number < variable.min || *number > variable.max))
        wrong = "is out of range; set " + range;
      break;
    }
    case VariableType::kBool:
      if (!parse_bool(value)) wrong = "is not a boolean; set true or false";
      break;
    case VariableType::kDuration:
      if (auto word = choice_of(variable.choices, value))
        value = *word;
      else if (!parse_duration(value))
        wrong = "is not a duration; set a number with ms, s, m or h" +
                (variable.choices.empty() ? std::string() : ", or one of " + std::string(variable.choices));
      break;
    case VariableType::kBounds:
      if (!parse_bounds(value)) wrong = "is not a time and a size; set both";
      break;
    case VariableType::kChoice:
      if (auto choice = choice_of(variable.choices, value))
        value = *choice;
      else
        wrong = "is not known; set one of " + std::string(variable.choices);
      break;
    default: break;
  }
  if (!wrong.empty()) return wrong + for_example(variable);
  return variable.check ? variable.check(value) : std::string();
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
  if (find_variable(name) || ascii_lower(name) == "ftp_proxy") return;  // near to http_proxy, and meant for others
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
    warnings.push_back(std::string(name) + ": unknown variable, without effect; is " + std::string(nearest) +
                       " meant?");
  } else if (name.starts_with("TOLLGATE_")) {
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
  auto from = [](const auto& map, std::string_view name) -> const std::string* {
    auto found = map.find(name);
    return found == map.end() || found->second.empty() ? nullptr : &found->second;
  };
  EnvFile env_file;
  const auto* named = sources.env_file_required ? nullptr : from(sources.environment, "TOLLGATE_ENV_FILE");
  const auto& path_of_file = named ? *named : sources.env_file;
  if (auto text = sources.read_file ? sources.read_file(path_of_file) : std::nullopt) {
    env_file = parse_env_file(*text, sources.environment);
    if (!env_file.error.empty())
      report.errors.push_back(path_of_file + ": " + env_file.error + "; mend the line, or put # before it");
  } else if (sources.env_file_required || named) {
    report.errors.push_back("TOLLGATE_ENV_FILE: " + path_of_file + " cannot be read; name a file that is there");
  }

  Config config;
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
    if (!environment && !variable.also.empty()) environment = from(sources.environment, variable.also);
    if (flag && !(variable.name == "PORT" && environment)) {
      raw = flag;
      entry.origin = "flag";
    } else if (environment) {
      raw = environment;
      entry.origin = "environment";
    }
    if (variable.secret) {
      const auto* path = from(sources.environment, file_name);
      if (!path && !environment) path = from(env_file.values, file_name);
      if (path) {
        if (environment) {
          report.errors.push_back(file_name + ": is set together with " + std::string(variable.name) +
                                  "; unset one of them");
        } else if (auto text = sources.read_file ? sources.read_file(*path) : std::nullopt) {
          file_value = *text;
          if (file_value.ends_with('\n')) file_value.pop_back();
          raw = &file_value;
          entry.origin = "file";
        } else {
          report.errors.push_back(file_name + ": " + *path + " cannot be read; name a file that this user may read");
        }
      }
    }
    // A variable that is set, even to the empty text, is not overridden by the .env file.
    if (!raw && !sources.environment.contains(variable.name)) {
      const auto* value = from(env_file.values, variable.name);
      if (!value && !variable.also.empty()) value = from(env_file.values, variable.also);
      if (value) {
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
        bad.push_back({&variable, std::string(variable.name) + ": " +
                                      (variable.secret ? "the value " : "\"" + value + "\" ") + wrong});
        entry.origin = "default";
      }
    }
    if (entry.origin != "default" && variable.support == Support::kNotYet)
      report.errors.push_back(std::string(variable.name) + ": this build has no support for it yet (" +
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

  for (std::string_view name : {"SESSION_SECRET", "CRYPTO_SECRET"}) {
    const auto& secret = config.text(name);
    auto weakness = secret.empty() ? std::string() : weakness_of_secret(secret);
    if (weakness.empty()) continue;
    const bool refused = strict || (secret == "random_string" && name == "SESSION_SECRET");
    (refused ? report.errors : report.warnings)
        .push_back(std::string(name) + ": the value " + weakness +
                   ", which others can guess; 'tollgate secret --env' " + "makes good ones, the same on all nodes");
  }
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
  return parse_duration(value).value_or(std::chrono::milliseconds(0));
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
