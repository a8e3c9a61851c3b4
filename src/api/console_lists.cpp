#include "api/console_lists.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <regex>
#include <set>
#include <vector>

#include "api/json.h"

namespace tollgate::api {
namespace {

constexpr std::string_view kColors[] = {"blue",        "green", "cyan",       "purple", "pink", "red",
                                        "orange",      "amber", "yellow",     "lime",   "teal", "indigo",
                                        "light-green", "grey",  "light-blue", "violet"};
constexpr std::string_view kDangerous[] = {"<script", "<iframe", "javascript:", "onload=", "onerror=", "onclick="};

bool dangerous(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::any_of(kDangerous, [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

bool valid_url(const std::string& url) {
  if (url.size() > 2000) return false;
  static const std::regex kForm(
      R"(https?://([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*)(:[0-9]{1,5})?(/.*)?)");
  return std::regex_match(url, kForm);
}

// One item under check: the first fault is kept, later rules are skipped.
class Item {
 public:
  Item(const json::object& object, std::size_t position, std::string_view noun)
      : object_(object), prefix_(fmt::format("第{}个{}", position, noun)) {}

  std::string text(std::string_view name) const {
    const auto* value = object_.if_contains(json::string_view(name.data(), name.size()));
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
  }
  bool has(std::string_view name) const { return object_.contains(json::string_view(name.data(), name.size())); }
  Item& require(std::string_view name, std::string_view fault) { return expect(!text(name).empty(), fault); }
  Item& at_most(std::string_view name, std::size_t limit, std::string_view what) {
    return expect(text(name).size() <= limit, fmt::format("{}长度不能超过{}字符", what, limit));
  }
  Item& harmless(std::string_view name) { return expect(!dangerous(text(name)), "包含不允许的内容"); }
  Item& expect(bool holds, std::string_view fault) {
    if (fault_.empty() && !holds) fault_ = prefix_ + std::string(fault);
    return *this;
  }
  const std::string& fault() const { return fault_; }

 private:
  const json::object& object_;
  std::string prefix_;
  std::string fault_;
};

template <class Check>
std::string check_list(std::string_view value, std::string_view type, std::string_view too_many, std::size_t max,
                       std::string_view noun, Check check) {
  if (value.empty()) return {};
  auto parsed = parse_json(value);
  if (!parsed) return fmt::format("{}格式错误：{}", type, parsed.error().message);
  if (!parsed->is_array()) return fmt::format("{}格式错误：a JSON array is expected", type);
  const json::array& list = parsed->get_array();
  for (const auto& item : list)
    if (!item.is_object()) return fmt::format("{}格式错误：each item must be an object", type);
  if (list.size() > max) return fmt::format("{}数量不能超过{}个", too_many, max);
  for (std::size_t i = 0; i < list.size(); ++i) {
    Item item(list[i].get_object(), i + 1, noun);
    check(item);
    if (!item.fault().empty()) return item.fault();
  }
  return {};
}

}  // namespace

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  static const std::regex kForm(R"((\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(\.\d{1,9}\d*)?(Z|[+-]\d{2}:\d{2}))");
  if (text.size() > 64) return std::nullopt;
  std::cmatch m;
  if (!std::regex_match(text.data(), text.data() + text.size(), m, kForm)) return std::nullopt;
  auto part = [&](std::size_t i) { return std::stoi(m[i].str()); };
  using namespace std::chrono;
  const year_month_day day{year(part(1)), month(static_cast<unsigned>(part(2))),
                           std::chrono::day(static_cast<unsigned>(part(3)))};
  if (!day.ok() || part(4) > 23 || part(5) > 59 || part(6) > 59) return std::nullopt;
  std::int64_t seconds = duration_cast<std::chrono::seconds>(sys_days(day).time_since_epoch()).count() +
                         part(4) * 3600 + part(5) * 60 + part(6);
  const std::string zone = m[8].str();
  if (zone != "Z") {
    const int minutes = std::stoi(zone.substr(1, 2)) * 60 + std::stoi(zone.substr(4, 2));
    seconds -= (zone[0] == '-' ? -1 : 1) * minutes * 60;
  }
  std::int64_t nanos = 0;
  if (m[7].matched) nanos = std::stoll((m[7].str().substr(1) + "000000000").substr(0, 9));
  if (std::abs(seconds) > 9'000'000'000) return std::nullopt;
  return seconds * 1'000'000'000 + nanos;
}

std::string check_api_info(std::string_view value) {
  return check_list(value, "API信息", "API信息", 50, "API信息", [](Item& item) {
    item.require("url", "缺少URL字段")
        .require("route", "缺少线路描述字段")
        .require("description", "缺少说明字段")
        .require("color", "缺少颜色字段")
        .expect(valid_url(item.text("url")), "的URL格式不正确")
        .at_most("url", 500, "的URL")
        .at_most("route", 100, "的线路描述")
        .at_most("description", 200, "的说明")
        .expect(std::ranges::find(kColors, item.text("color")) != std::end(kColors), "的颜色值不合法")
        .harmless("description")
        .harmless("route");
  });
}

std::string check_announcements(std::string_view value) {
  static constexpr std::string_view kTypes[] = {"default", "ongoing", "success", "warning", "error"};
  return check_list(value, "系统公告", "系统公告", 100, "公告", [](Item& item) {
    item.require("content", "缺少内容字段")
        .expect(item.has("publishDate"), "缺少发布日期字段")
        .require("publishDate", "的发布日期不能为空")
        .expect(parse_rfc3339(item.text("publishDate")).has_value(), "的发布日期格式错误")
        .expect(item.text("type").empty() || std::ranges::find(kTypes, item.text("type")) != std::end(kTypes),
                "的类型值不合法")
        .at_most("content", 500, "的内容")
        .at_most("extra", 200, "的说明");
  });
}

std::string check_faq(std::string_view value) {
  return check_list(value, "FAQ信息", "FAQ", 100, "FAQ", [](Item& item) {
    item.require("question", "缺少问题字段")
        .require("answer", "缺少答案字段")
        .at_most("question", 200, "的问题")
        .at_most("answer", 1000, "的答案");
  });
}

std::string check_uptime_groups(std::string_view value) {
  std::set<std::string> names;
  return check_list(value, "Uptime Kuma分组配置", "Uptime Kuma分组", 20, "分组", [&](Item& item) {
    const std::string slug = item.text("slug");
    item.require("categoryName", "缺少分类名称字段")
        .expect(names.insert(item.text("categoryName")).second, "的分类名称与其他分组重复")
        .require("url", "缺少URL字段")
        .require("slug", "缺少Slug字段")
        .expect(valid_url(item.text("url")), "的URL格式不正确")
        .at_most("categoryName", 50, "的分类名称")
        .at_most("url", 500, "的URL")
        .at_most("slug", 100, "的Slug")
        .at_most("description", 200, "的描述")
        .expect(std::ranges::all_of(
                    slug, [](unsigned char c) { return c < 128 && (std::isalnum(c) || c == '_' || c == '-'); }),
                "的Slug只能包含字母、数字、下划线和连字符")
        .harmless("description")
        .harmless("categoryName");
  });
}

}  // namespace tollgate::api
