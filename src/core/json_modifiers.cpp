#include "core/json_modifiers.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "core/json_edit.h"
#include "core/json_path.h"
#include "core/json_text.h"

namespace tollgate::core {
namespace {

std::string_view part(std::string_view text, JsonSpan span) { return text.substr(span.begin, span.size()); }

bool is_array(std::string_view json) { return json.starts_with('['); }
bool is_object(std::string_view json) { return json.starts_with('{'); }

bool is_set(std::string_view args, std::string_view name) {
  auto member = find_json_member(args, name);
  return member && part(args, member->value) == "true";
}

void add(std::string& out, std::string_view item) {
  if (out.size() > 1) out += ',';
  out += item;
}

std::string ugly(std::string_view json, std::string_view, std::size_t) {
  std::string out;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    char c = json[i];
    if (in_string) {
      out += c;
      if (c == '\\' && i + 1 < json.size())
        out += json[++i];
      else if (c == '"')
        in_string = false;
    } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
      in_string = c == '"';
      out += c;
    }
  }
  return out;
}

std::string reverse(std::string_view json, std::string_view, std::size_t) {
  if (!is_array(json) && !is_object(json)) return std::string(json);
  std::vector<std::string_view> items;
  JsonSteps steps(json);
  for (JsonMember member; steps.next(member);)
    items.push_back(json.substr(member.key.begin, member.value.end - member.key.begin));
  std::string out(1, json[0]);
  for (auto item = items.rbegin(); item != items.rend(); ++item) add(out, *item);
  return out += is_array(json) ? ']' : '}';
}

constexpr std::size_t kDeepest = 500;

void flatten_into(std::string& out, std::string_view json, bool deep, std::size_t depth) {
  JsonSteps steps(json);
  for (JsonMember element; steps.next(element);) {
    auto value = part(json, element.value);
    if (!is_array(value)) {
      add(out, value);
    } else if (deep && depth < kDeepest) {
      flatten_into(out, value, deep, depth + 1);
    } else if (auto inner = trim_json_blanks(value.substr(1, value.size() - 2)); !inner.empty()) {
      add(out, inner);
    }
  }
}

std::string flatten(std::string_view json, std::string_view args, std::size_t) {
  if (!is_array(json)) return std::string(json);
  std::string out = "[";
  flatten_into(out, json, is_set(args, "deep"), 0);
  return out += ']';
}

// Members of all objects of an array in one: of equal names the last value at the first place, or all of them.
std::string join(std::string_view json, std::string_view args, std::size_t) {
  if (!is_array(json)) return std::string(json);
  const bool preserve = is_set(args, "preserve");
  std::vector<std::pair<std::string_view, std::string_view>> members;
  std::map<std::string, std::size_t, std::less<>> known;
  JsonSteps steps(json);
  for (JsonMember element; steps.next(element);) {
    auto object = part(json, element.value);
    if (!is_object(object)) continue;
    JsonSteps inner(object);
    for (JsonMember member; inner.next(member);) {
      auto key = part(object, member.key), value = part(object, member.value);
      auto [place, is_new] = known.try_emplace(preserve ? std::string() : decode_json_string(key), members.size());
      if (preserve || is_new)
        members.emplace_back(key, value);
      else
        members[place->second].second = value;
    }
  }
  std::string out = "{";
  for (const auto& [key, value] : members) {
    add(out, key);
    out += ':';
    out += value;
  }
  return out += '}';
}

std::string keys(std::string_view json, std::string_view, std::size_t) {
  if (json.empty()) return "[]";
  if (!is_array(json) && !is_object(json)) return "[null]";
  std::string out = "[";
  JsonSteps steps(json);
  for (JsonMember member; steps.next(member);) add(out, is_object(json) ? part(json, member.key) : "null");
  return out += ']';
}

std::string values(std::string_view json, std::string_view, std::size_t) {
  if (json.empty()) return "[]";
  if (is_array(json)) return std::string(json);
  if (!is_object(json)) return "[" + std::string(json) + "]";
  std::string out = "[";
  JsonSteps steps(json);
  for (JsonMember member; steps.next(member);) add(out, part(json, member.value));
  return out += ']';
}

std::string to_str(std::string_view json, std::string_view, std::size_t) { return json_string(json); }

std::string from_str(std::string_view json, std::string_view, std::size_t) {
  if (!is_valid_json(json)) return {};
  auto text = json_as_text(json);
  return is_valid_json(text) ? text : std::string();
}

// An object of arrays becomes an array of objects.
std::string group(std::string_view json, std::string_view, std::size_t limit) {
  if (!is_object(json)) return {};
  std::vector<std::string> rows;
  std::size_t size = 0;
  JsonSteps steps(json);
  for (JsonMember member; steps.next(member);) {
    auto array = part(json, member.value);
    if (!is_array(array)) continue;
    std::size_t index = 0;
    JsonSteps elements(array);
    for (JsonMember element; elements.next(element); ++index) {
      if (index == rows.size()) rows.emplace_back("{");
      add(rows[index], part(json, member.key));
      rows[index] += ':';
      rows[index] += part(array, element.value);
      size += member.key.size() + element.value.size() + 4;
      if (size > limit) return {};
    }
  }
  std::string out = "[";
  for (const auto& row : rows) add(out, row + "}");
  return out += ']';
}

// Layout as people read it: objects on lines of their own, arrays without objects on one line while they fit.
class Pretty {
 public:
  Pretty(std::string_view args, std::size_t limit) : limit_(limit) {
    sorts_ = is_set(args, "sortKeys");
    text_argument(args, "indent", indent_);
    text_argument(args, "prefix", prefix_);
    if (auto member = find_json_member(args, "width")) {
      width_ = 0;
      for (char c : part(args, member->value)) {
        if (c < '0' || c > '9' || width_ > 100'000) break;
        width_ = width_ * 10 + static_cast<std::size_t>(c - '0');
      }
    }
  }

  std::string run(std::string_view json) {
    out_ = prefix_;
    if (!value(json, 0)) return {};
    return std::move(out_ += '\n');
  }

 private:
  static void text_argument(std::string_view args, std::string_view name, std::string& out) {
    constexpr std::size_t kLongest = 16;
    if (auto member = find_json_member(args, name)) out = json_as_text(part(args, member->value)).substr(0, kLongest);
  }

  void line(std::size_t depth) {
    out_ += '\n';
    line_ = out_.size();
    out_ += prefix_;
    for (std::size_t i = 0; i < depth; ++i) out_ += indent_;
  }

  bool on_one_line(std::string_view json) {
    if (width_ == 0 || json.find('{') != std::string_view::npos) return false;
    auto flat = ugly(json, {}, 0);
    std::string spaced;
    bool in_string = false;
    for (std::size_t i = 0; i < flat.size(); ++i) {
      spaced += flat[i];
      if (in_string && flat[i] == '\\' && i + 1 < flat.size())
        spaced += flat[++i];
      else if (flat[i] == '"')
        in_string = !in_string;
      else if (flat[i] == ',' && !in_string)
        spaced += ' ';
    }
    if (out_.size() - line_ + spaced.size() > width_) return false;
    out_ += spaced;
    return true;
  }

  bool value(std::string_view json, std::size_t depth) {
    if (out_.size() > limit_ || depth > kDeepest) return false;
    if (!is_array(json) && !is_object(json)) {
      out_ += json;
      return true;
    }
    if (is_array(json) && json.size() < width_ * 4 && on_one_line(json)) return true;
    std::vector<JsonMember> members;
    JsonSteps steps(json);
    for (JsonMember member; steps.next(member);) members.push_back(member);
    if (sorts_ && is_object(json))
      std::sort(members.begin(), members.end(), [&](const JsonMember& a, const JsonMember& b) {
        auto left = decode_json_string(part(json, a.key)), right = decode_json_string(part(json, b.key));
        return left != right ? left < right : a.key.begin < b.key.begin;
      });
    out_ += json[0];
    bool first = true;
    for (const auto& member : members) {
      if (!first) out_ += ',';
      first = false;
      line(depth + 1);
      if (is_object(json)) {
        out_ += part(json, member.key);
        out_ += ": ";
      }
      if (!value(part(json, member.value), depth + 1)) return false;
    }
    if (!members.empty()) line(depth);
    out_ += is_array(json) ? ']' : '}';
    return true;
  }

  std::string out_, indent_ = "  ", prefix_;
  std::size_t width_ = 80, limit_, line_ = 0;
  bool sorts_ = false;
};

std::string pretty(std::string_view json, std::string_view args, std::size_t limit) {
  return json.empty() ? std::string() : Pretty(args, limit).run(json);
}

struct Named {
  std::string_view name;
  JsonModifier run;
};
constexpr Named kModifiers[] = {
    {"reverse", reverse}, {"ugly", ugly},     {"pretty", pretty}, {"flatten", flatten},  {"join", join},
    {"keys", keys},       {"values", values}, {"tostr", to_str},  {"fromstr", from_str}, {"group", group},
};

}  // namespace

JsonModifier find_json_modifier(std::string_view name) {
  for (const auto& modifier : kModifiers)
    if (modifier.name == name) return modifier.run;
  return nullptr;
}

}  // namespace tollgate::core
