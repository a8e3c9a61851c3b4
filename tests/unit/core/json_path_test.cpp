#include "core/json_path.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "core/json_edit.h"

namespace tollgate::core {
namespace {

// Each case of the table, with its line as the name of what fails.
template <class Check>
void each_case(Check check) {
  std::ifstream file(TOLLGATE_SOURCE_DIR "/tests/unit/core/json_path_cases.txt");
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
    auto arrow = std::min(line.find(" => "), line.find(" -> "));
    bool missing = arrow == std::string::npos;
    auto path = line.substr(0, missing ? line.rfind(" ->") : arrow);
    ++cases;
    check(body, path, missing ? std::string() : line.substr(arrow + 4), !missing && line[arrow + 1] == '=');
  }
  EXPECT_GE(cases, 200);
}

}  // namespace

TEST(JsonPath, LeadsToTheValuesOfTheTable) {
  each_case([](const std::string& body, const std::string& path, const std::string& expected, bool in_text) {
    auto found = find_json(body, path);
    EXPECT_EQ(found.raw(body), expected);
    EXPECT_EQ(found.exists, !expected.empty());
    EXPECT_EQ(found.span.has_value(), in_text);
  });
}

TEST(JsonPath, SaysWhereTheElementsOfACollectedArrayStand) {
  std::string body = R"({"a":[{"b": 1 },{"c":2},{"b": [3]}]})";
  auto found = find_json(body, "a.#.b");
  ASSERT_EQ(found.parts.size(), 2U);
  EXPECT_EQ(body.substr(found.parts[0].begin, found.parts[0].size()), "1");
  EXPECT_EQ(body.substr(found.parts[1].begin, found.parts[1].size()), "[3]");
  found = find_json(body, "a.#(b)#");
  ASSERT_EQ(found.parts.size(), 2U);
  EXPECT_EQ(body.substr(found.parts[0].begin, found.parts[0].size()), R"({"b": 1 })");
  EXPECT_TRUE(find_json(body, "a.#.@keys").parts.empty());
}

TEST(JsonPath, GivesPrettyTextInTheUsualLayout) {
  EXPECT_EQ(find_json(R"({"a":{"b":[1,2,"x,y"],"c":[{"d":1}],"e":{}}})", "@this|@pretty").raw(""),
            "{\n  \"a\": {\n    \"b\": [1, 2, \"x,y\"],\n    \"c\": [\n      {\n        \"d\": 1\n      }\n    ],\n"
            "    \"e\": {}\n  }\n}");
}

TEST(JsonPath, GivesUpOnPathsThatGrowWithoutEnd) {
  std::string path = "@this";
  for (int i = 0; i < 60; ++i) path += "|[@this,@this]";
  EXPECT_FALSE(find_json(R"({"a":"0123456789"})", path).exists);
  std::string deep;
  for (int i = 0; i < 20'000; ++i) deep += "a.";
  EXPECT_FALSE(find_json(R"({"a":1})", deep).exists);
  EXPECT_FALSE(find_json(R"({"a":1})", std::string(20'000, '[')).exists);
}

TEST(JsonPath, StaysWithinATextThatIsCutAnywhere) {
  each_case([](const std::string& body, const std::string& path, const std::string&, bool) {
    for (std::size_t size = 0; size < body.size(); size += 7) {
      // On the heap, so that a sanitizer sees a look behind the end.
      std::vector<char> cut(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(size));
      std::string_view text(cut.data(), cut.size());
      auto found = find_json(text, path);
      if (found.span) {
        EXPECT_LE(found.span->end, text.size());
      }
    }
  });
}

TEST(JsonText, DecodesWhatStringsSpell) {
  EXPECT_EQ(json_as_text(R"("a\n\t\"\\\/b")"), "a\n\t\"\\/b");
  EXPECT_EQ(json_as_text(R"("\u00e9\ud83d\ude00")"), "\xC3\xA9\xF0\x9F\x98\x80");
  EXPECT_EQ(json_as_text(R"("\ud83d x \ude00")"), "\xEF\xBF\xBD x \xEF\xBF\xBD");
  EXPECT_EQ(json_as_text("null"), "");
  EXPECT_EQ(json_as_text("1.50"), "1.50");
  EXPECT_EQ(json_as_text("[1, 2]"), "[1, 2]");
}

}  // namespace tollgate::core
