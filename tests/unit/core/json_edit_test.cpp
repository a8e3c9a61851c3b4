#include "core/json_edit.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>

namespace tollgate::core {
namespace {

std::string set(std::string_view text, std::string_view name, std::string raw) {
  JsonEditor editor(text);
  EXPECT_TRUE(editor.set(name, std::move(raw)));
  return editor.text();
}

std::string removed(std::string_view text, std::initializer_list<std::string_view> names) {
  JsonEditor editor(text);
  for (auto name : names) EXPECT_TRUE(editor.remove(name));
  return editor.text();
}

}  // namespace

TEST(JsonEdit, F1_SetReplacesOnlyTheValue) {
  EXPECT_EQ(set(R"( { "a" : 1.0 , "model" :  "x" , "b":[1,2,{"model":"y"}]} )", "model", R"("z")"),
            R"( { "a" : 1.0 , "model" :  "z" , "b":[1,2,{"model":"y"}]} )");
}

TEST(JsonEdit, SetAddsAMissingMemberInFront) {
  EXPECT_EQ(set(R"({"a":1})", "s", "true"), R"({"s":true,"a":1})");
  EXPECT_EQ(set(R"({ })", "s", "true"), R"({"s":true })");
}

TEST(JsonEdit, FindsEscapedAndRepeatedNames) {
  EXPECT_EQ(set(R"({"mod\u0065l":"a","x":1,"model":"b"})", "model", R"("c")"),
            R"({"mod\u0065l":"c","x":1,"model":"c"})");
  EXPECT_EQ(removed(R"({"a":1,"st\u006fre":2,"store":3,"b":4})", {"store"}), R"({"a":1,"b":4})");
}

TEST(JsonEdit, RemoveTakesItsComma) {
  EXPECT_EQ(removed(R"({"a":1,"b":2,"c":3})", {"a"}), R"({"b":2,"c":3})");
  EXPECT_EQ(removed(R"({"a":1,"b":2,"c":3})", {"b"}), R"({"a":1,"c":3})");
  EXPECT_EQ(removed(R"({"a":1,"b":2,"c":3})", {"c"}), R"({"a":1,"b":2})");
  EXPECT_EQ(removed(R"({"a":1})", {"a"}), R"({})");
  EXPECT_EQ(removed(R"({"a":1})", {"zz"}), R"({"a":1})");
}

TEST(JsonEdit, CombinesRemovalsAndAdditions) {
  EXPECT_EQ(removed(R"({"a":1,"b":2,"c":3})", {"b", "c"}), R"({"a":1})");
  EXPECT_EQ(removed(R"({"a":1,"b":2,"c":3})", {"c", "a"}), R"({"b":2})");
  JsonEditor editor(R"({"store":true,"tier":1})");
  editor.remove("store");
  editor.set("x", "1");
  editor.remove("tier");
  editor.set("y", "2");
  EXPECT_EQ(editor.text(), R"({"x":1,"y":2})");
}

TEST(JsonEdit, RefusesWhatIsNoObject) {
  for (auto text :
       {"", "[]", "1", "{", R"({"a")", R"({"a":})", R"({"a":1)", R"({"a":1,})", R"({"a" 1})", R"({"a":"x)"}) {
    JsonEditor editor(text);
    EXPECT_FALSE(editor.set("a", "1")) << text;
  }
}

TEST(JsonEdit, ValidatorKnowsTheGrammar) {
  for (auto good : {"1", "-0.5e+10", R"("\u00e9\n")", "[]", R"({"a":[1,{"b":null}],"c":true})", " {} ",
                    "123456789012345678901234567890"})
    EXPECT_TRUE(is_valid_json(good)) << good;
  for (auto bad : {"", "01", "1.", "-", "+1", "tru", "[1,]", R"({"a":1,})", R"({a:1})", R"("\x")", "\"a\nb\"", "1 2",
                   "{}}", R"({"a":01.e})", "[1 2]"})
    EXPECT_FALSE(is_valid_json(bad)) << bad;
  EXPECT_FALSE(is_valid_json(std::string(2000, '[') + std::string(2000, ']')));
}

TEST(JsonEdit, PutsNewMembersBeforeARenamedFirstOne) {
  const std::string text = R"({"max_tokens":5,"a":1})";
  JsonEditor editor(text);
  editor.replace((*editor.members())[0].key, "\"max_completion_tokens\"");
  ASSERT_TRUE(editor.set("b", "2"));
  EXPECT_EQ(editor.text(), R"({"b":2,"max_completion_tokens":5,"a":1})");
}

// Edit, then parse = parse, then edit; and every byte outside the edited spans stands where it stood.
TEST(JsonEdit, F1_AgreesWithAParserOnRandomObjects) {
  std::mt19937 random(11);
  const char* names[] = {"a", "model", "stream", "k\\\"q", "\u00e9"};
  const char* values[] = {"1", "0.10", "\"x\\\\\"", "[1, {\"a\" : 2}]", "null", "{\"model\":\"inner\"}", "1e400"};
  for (int round = 0; round < 3000; ++round) {
    std::string text = "{";
    std::vector<std::string> used;
    auto count = random() % 6;
    for (unsigned i = 0; i < count; ++i) {
      std::string name = names[random() % 5];
      if (std::find(used.begin(), used.end(), name) != used.end()) continue;
      if (!used.empty()) text += random() % 2 ? "," : " ,\n ";
      used.push_back(name);
      text += "\"" + name + "\"" + (random() % 2 ? ":" : " : ") + values[random() % 6];
    }
    text += "}";
    JsonEditor editor(text);
    ASSERT_TRUE(editor.set("model", "\"new\""));
    ASSERT_TRUE(editor.remove("stream"));
    auto edited = editor.text();
    auto expected = boost::json::parse(text).as_object();
    expected["model"] = "new";
    expected.erase("stream");
    ASSERT_EQ(boost::json::parse(edited), boost::json::value(expected)) << text << " -> " << edited;
  }
}

}  // namespace tollgate::core
