#include "dialect/body_override.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <random>

#include "core/json_edit.h"

namespace tollgate::dialect {
namespace {

constexpr OverrideContext kContext{
    .upstream_model = "up-1", .original_model = "gpt-4", .request_path = "/v1/chat/completions?x=1"};

// The new body, or "!! " and the error.
std::string applied(const std::string& override_text, std::string body, const OverrideContext& context = kContext) {
  auto rules = BodyOverride::compile(override_text);
  if (!rules) return body;
  auto done = rules->apply(body, context);
  return done ? body : "!! " + done.error().message;
}

std::string with_hit(std::string body) {
  auto at = body.rfind(R"("r":0)");
  return at == std::string::npos ? body : body.replace(at, 5, R"("r":1)");
}

std::string one_operation(const std::string& operation) { return R"({"operations":[)" + operation + "]}"; }

}  // namespace

TEST(BodyOverride, MakesOfEachBodyWhatTheTableSays) {
  std::ifstream file(TOLLGATE_SOURCE_DIR "/tests/unit/dialect/override_cases.txt");
  std::string line, body;
  int number = 0, cases = 0;
  while (std::getline(file, line)) {
    ++number;
    SCOPED_TRACE("line " + std::to_string(number) + ": " + line);
    if (line.empty() || line.starts_with("//")) continue;
    if (line.starts_with("body ")) {
      body = line.substr(5);
      continue;
    }
    auto arrow = std::min(line.rfind(" => "), line.rfind(" !! "));
    ASSERT_NE(arrow, std::string::npos);
    auto rule = line.substr(0, arrow), expected = line.substr(arrow + 4);
    if (rule.starts_with("text"))
      rule = rule.substr(5);
    else
      rule = rule.starts_with('[') ? R"({"operations":)" + rule + "}" : one_operation(rule);
    if (line[arrow + 1] == '!') expected = "!! " + expected;
    if (expected == "same") expected = body;
    if (expected == "hit") expected = with_hit(body);
    EXPECT_EQ(applied(rule, body), expected);
    ++cases;
  }
  EXPECT_GE(cases, 300);
}

TEST(BodyOverride, NamesTheOriginalModelWhereThereIsNoOther) {
  auto rule = one_operation(R"({"mode":"set","path":"r","value":1,"conditions":[{"path":"model","mode":"full",
      "value":"gpt-4"}]})");
  EXPECT_EQ(applied(rule, "{}", {.original_model = "gpt-4"}), R"({"r":1})");
  EXPECT_EQ(applied(rule, "{}", {.upstream_model = "up", .original_model = "gpt-4"}), "{}");
}

TEST(BodyOverride, KnowsAChannelTest) {
  auto rule = one_operation(R"({"mode":"set","path":"r","value":1,"conditions":[{"path":"is_channel_test","mode":"full",
      "value":true}]})");
  EXPECT_EQ(applied(rule, "{}", {.is_channel_test = true}), R"({"r":1})");
  EXPECT_EQ(applied(rule, "{}", {.is_channel_test = false}), "{}");
}

TEST(BodyOverride, DoesNotFillTheMemory) {
  std::string copies;
  for (int i = 0; i < 60; ++i) copies += std::string(i > 0 ? "," : "") + R"({"mode":"copy","from":"a","to":"a.x"})";
  auto text = applied(R"({"operations":[)" + copies + "]}", R"({"a":{"k":"0123456789"}})");
  EXPECT_LT(text.size(), 80U << 20U);
  EXPECT_TRUE(text.starts_with("!! operation copy failed: the body has become too large") || core::is_valid_json(text));
  auto page = std::string(10'000, 'p');
  EXPECT_EQ(applied(one_operation(R"({"mode":"replace","path":"s","from":"a","to":")" + page + "\"}"),
                    R"({"s":")" + std::string(100'000, 'a') + "\"}"),
            "!! operation replace failed: the result of the replacement is too large");
  EXPECT_EQ(applied(one_operation(R"({"mode":"regex_replace","path":"s","from":"a","to":")" + page + "\"}"),
                    R"({"s":")" + std::string(100'000, 'a') + "\"}"),
            "!! operation regex_replace failed: the result of the replacement is too large");
}

TEST(BodyOverride, RefusesToStoreOperationsThatAreNone) {
  for (const char* fine : {"", "{}", "x", R"({"operations":[]})", R"({"operations":[{"mode":"set"}]})", R"({"a":1})"})
    EXPECT_EQ(why_not_store_override(fine), "") << fine;
  for (const char* bad : {R"({"operations":{}})", R"({"operations":[1]})", R"({"operations":[{"path":"a"}]})",
                          R"({"operations":null})", R"({"a":1,"operations":[{"mode":1}]})"})
    EXPECT_NE(why_not_store_override(bad), "") << bad;
}

// Random bodies with odd spellings, random paths of them: what is not named keeps each byte.
TEST(BodyOverride, F1_KeepsEveryByteOutsideOfWhatItChanges) {
  std::mt19937 random(7);
  auto pick = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  const std::string scalars[] = {"1.0",
                                 "18446744073709551617",
                                 "1E+2",
                                 "-0",
                                 "\"\\u00e9\\/\"",
                                 "\"\\ud800\"",
                                 "true",
                                 "null",
                                 "\"plain\"",
                                 "0.10",
                                 "\"\"",
                                 "\"a\\\\\\\"b\""};
  const std::string blanks[] = {"", "", " ", "\n\t", "  "};
  std::function<std::string(int)> value = [&](int depth) -> std::string {
    auto kind = depth > 0 ? pick(4) : 3;
    if (kind > 1) return scalars[pick(std::size(scalars))];
    std::string out = kind == 0 ? "{" : "[";
    auto count = pick(4);
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) out += ",";
      out += blanks[pick(5)];
      if (kind == 0) out += "\"k" + std::to_string(i) + "\"" + blanks[pick(5)] + ":" + blanks[pick(5)];
      out += value(depth - 1) + blanks[pick(5)];
    }
    return out + (kind == 0 ? "}" : "]");
  };
  // All values of a text with their paths.
  struct Place {
    std::string path;
    core::JsonSpan span;
  };
  std::function<void(std::string_view, core::JsonSpan, const std::string&, std::vector<Place>&)> collect =
      [&](std::string_view text, core::JsonSpan span, const std::string& path, std::vector<Place>& out) {
        core::JsonSteps steps(text.substr(0, span.end), span.begin);
        std::size_t index = 0;
        for (core::JsonMember member; steps.next(member); ++index) {
          auto key = text.substr(member.key.begin, member.key.size());
          auto inner = (path.empty() ? "" : path + ".") +
                       (steps.is_object() ? std::string(key.substr(1, key.size() - 2)) : std::to_string(index));
          out.push_back({inner, member.value});
          collect(text, member.value, inner, out);
        }
      };
  int changed = 0;
  for (int round = 0; round < 2000; ++round) {
    auto body = blanks[pick(5)] + "{\"k\":" + value(4) + blanks[pick(5)] + ",\"l\":" + value(4) + "}";
    ASSERT_TRUE(core::is_valid_json(body)) << body;
    std::vector<Place> places;
    collect(body, {body.find('{'), body.size()}, "", places);
    const auto& place = places[pick(places.size())];
    auto before = body.substr(0, place.span.begin), after = body.substr(place.span.end);
    auto raw = body.substr(place.span.begin, place.span.size());

    EXPECT_EQ(applied(one_operation(R"({"mode":"set","path":")" + place.path + R"(","value":{"new":1}})"), body),
              before + R"({"new":1})" + after);
    auto copied = applied(one_operation(R"({"mode":"copy","from":")" + place.path + R"(","to":"added"})"), body);
    EXPECT_EQ(copied, body.substr(0, body.size() - 1) + ",\"added\":" + raw + "}");
    if (raw.starts_with('"')) {
      ++changed;
      EXPECT_EQ(applied(one_operation(R"({"mode":"append","path":")" + place.path + R"(","value":"+"})"), body),
                before + raw.substr(0, raw.size() - 1) + "+\"" + after);
      EXPECT_EQ(applied(one_operation(R"({"mode":"prepend","path":")" + place.path + R"(","value":"+"})"), body),
                before + "\"+" + raw.substr(1) + after);
    }
    auto deleted = applied(one_operation(R"({"mode":"delete","path":")" + place.path + R"("})"), body);
    EXPECT_TRUE(core::is_valid_json(deleted)) << deleted;
    // All values beside it are there, in their order and spelling.
    std::size_t at = 0;
    for (const auto& other : places) {
      if (other.span.end > place.span.begin && other.span.begin < place.span.end) continue;
      at = deleted.find(body.substr(other.span.begin, other.span.size()), at);
      ASSERT_NE(at, std::string::npos) << body << " without " << place.path << ": " << deleted;
    }
    EXPECT_LT(deleted.size(), body.size());
  }
  EXPECT_GT(changed, 200);
}

}  // namespace tollgate::dialect
