// Bodies that different decoders could read differently, and bodies that no decoder should see.
#include "dialect/governed.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>
#include <random>

#include "core/json_edit.h"
#include "dialect/openai_patch.h"
#include "dialect/openai_request.h"

namespace tollgate::dialect {
namespace {

core::Result<OpenAiRequest> read(const std::string& text) {
  std::string padded = text;
  padded.append(64, '\0');
  return read_openai_request(OpenAiRoute::kChatCompletions, std::string_view(padded).substr(0, text.size()));
}

std::string refusal(const std::string& text) {
  auto request = read(text);
  return request ? request->broken_rule : request.error().message;
}

// The body as it goes on.
std::string respelled(const std::string& text) {
  auto request = read(text);
  EXPECT_TRUE(request) << text << ": " << (request ? "" : request.error().message);
  if (!request) return {};
  return request->respelled.empty() ? text : std::string(request->respelled_body());
}

std::string chat(const std::string& members) { return R"({"model":"m","messages":[{}])" + members + "}"; }
std::string nested(std::size_t levels) {
  return chat(R"(,"x":)" + std::string(levels - 1, '[') + std::string(levels - 1, ']'));
}

}  // namespace

TEST(Governed, RefusesAMemberThatStandsThereTwice) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"model":"a","model":"a"})", "model"},
      {R"({"model":"a","mod\u0065l":"b"})", "model"},
      {R"({"\u006d\u006fdel":"a","mod\u0065l":"b"})", "model"},
      {R"({"Model":"a","MODEL":"b"})", "model"},
      {R"({"stream":true,"messages":[],"stream":false})", "stream"},
      {R"({"n":1,"n":2})", "n"},
      {R"({"N":1,"\u004e":2})", "n"},
      {R"({"max_tokens":1,"max_tokens":null})", "max_tokens"},
      {R"({"cachedContent":"a","cachedContent":"b"})", "cachedContent"},
  };
  for (const auto& [body, name] : cases)
    EXPECT_EQ(refusal(body), "duplicate member \"" + std::string(name) + "\"") << body;
  EXPECT_EQ(refusal(chat(R"(,"stream_options":{"include_usage":true,"include_usage":false})")),
            "duplicate member \"include_usage\"");
}

TEST(Governed, RenamesAVariantThatStandsThereAlone) {
  EXPECT_EQ(respelled(R"({"Model" : "m", "MESSAGES":[{}],"x":1.0})"), R"({"model" : "m", "messages":[{}],"x":1.0})");
  EXPECT_EQ(respelled(chat(R"(,"MAX_TO\u212aENS":5)")), chat(R"(,"max_tokens":5)"));
  EXPECT_EQ(respelled(chat(",\"\xC5\xBFtream\":true")), chat(R"(,"stream":true)"));
  EXPECT_EQ(read(chat(R"(,"Max_Tokens":5)"))->max_output_tokens, 5);
}

TEST(Governed, RemovesAVariantBesideTheExactName) {
  EXPECT_EQ(respelled(R"({"Model":"cheap","model":"m","messages":[{}]})"), R"({"model":"m","messages":[{}]})");
  EXPECT_EQ(respelled(chat(R"(,"MODEL":"a","mOdEl":7)")), chat(""));
  EXPECT_EQ(respelled(chat(R"(,"n":2,"N":100)")), chat(R"(,"n":2)"));
}

TEST(Governed, F1_OtherNamesMayRepeatAndVary) {
  for (auto body :
       {chat(R"(,"x":1,"x":2,"X":3)"), chat(R"(,"Modell":1,"mode":2)"), chat(R"(,"Metadata":{"model":1,"Model":2})"),
        chat(R"(,"a_name_that_is_longer_than_any_of_ours":1)")})
    EXPECT_EQ(respelled(body), body);
}

TEST(BadBody, SaysWhatIsWrong) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "unexpected end of JSON input"},
      {" \n", "unexpected end of JSON input"},
      {"[]", "the body must be a JSON object"},
      {"5", "the body must be a JSON object"},
      {"{", "the body is not valid JSON"},
      {R"({"model":"m"} x)", "the body is not valid JSON"},
      {R"({"model":"m",})", "the body is not valid JSON"},
      {R"({'model':'m'})", "the body is not valid JSON"},
      {R"({"a":NaN})", "the body is not valid JSON"},
      {"{\"model\":\"a\nb\"}", "the body is not valid JSON"},
      {"{\"model\":\"\xFF\"}", "the body is not UTF-8"},
      {"{\"model\":\"\xED\xA0\x80\"}", "the body is not UTF-8"},
      {R"({"model":5})", "model must be a string"},
      {R"({"model":["m"]})", "model must be a string"},
      {chat(R"(,"\ud800":1)"), "a member name of the body has an unpaired surrogate"},
      {chat(R"(,"x":{"a\udc00" : 1})"), "a member name of the body has an unpaired surrogate"},
      {nested(129), "the body is nested more than 128 levels deep"},
      {nested(3000), "the body is nested more than 128 levels deep"},
      {chat(R"(,"x":)" + std::string(65, '1')), "a number of the body is longer than 64 characters"},
      {chat(R"(,"x":0.)" + std::string(100, '0')), "a number of the body is longer than 64 characters"},
      {chat(",\"" + std::string(4097, 'k') + "\":1"), "a member name of the body is longer than 4096 bytes"},
      {chat(",\"x\":[{\"" + std::string(4097, 'k') + "\":1}]"), "a member name of the body is longer than 4096 bytes"},
  };
  for (const auto& [body, text] : cases) EXPECT_EQ(refusal(body), text) << body.substr(0, 80);
}

TEST(BadBody, GovernedMembersHaveTheirTypes) {
  for (auto value : {"1", "1e400", "-1e400", "2e31111111", "99999999999999999999", "true", "[]"})
    EXPECT_EQ(refusal(R"({"messages":[{"role":"user","content":"a"}],"model":)" + std::string(value) + "}"),
              "model must be a string")
        << value;
  for (auto value : {"1e3", "1.5", "1.0", "\"5\"", "true", "[]", "{}", "1e400", "99999999999999999999"})
    for (auto name : {"max_tokens", "max_completion_tokens", "n", "best_of"})
      EXPECT_EQ(refusal(chat(",\"" + std::string(name) + "\":" + value)), std::string(name) + " must be an integer")
          << value;
  for (auto value : {"-1", "1073741824", "9223372036854775808", "-9223372036854775808"})
    for (auto name : {"max_tokens", "max_completion_tokens", "n"})
      EXPECT_EQ(refusal(chat(",\"" + std::string(name) + "\":" + value)), std::string(name) + " is invalid") << value;
  EXPECT_EQ(refusal(chat(R"(,"n":129)")), "n is invalid");
  EXPECT_EQ(refusal(chat(R"(,"stream":1)")), "stream must be a boolean");
  EXPECT_EQ(refusal(chat(R"(,"tools":{})")), "tools must be an array");
  EXPECT_EQ(refusal(chat(R"(,"stream_options":[])")), "stream_options must be an object");
  for (auto good :
       {R"(,"n":0)", R"(,"n":128)", R"(,"max_tokens":1073741823)", R"(,"max_tokens":null,"n":null,"stream":null)"})
    EXPECT_EQ(refusal(chat(good)), "") << good;
}

TEST(BadBody, WhatIsJustWithinTheLimitsPasses) {
  for (const auto& body :
       {nested(128), chat(R"(,"x":)" + std::string(64, '1')), chat(",\"" + std::string(4096, 'k') + "\":1"),
        chat(R"(,"x":")" + std::string(500, '7') + "\""), chat(R"(,"x":"\ud800 \udc00 \ud83d\ude00")"),
        chat(R"(,"x":1e400,"y":-0.1e-400)")})
    EXPECT_EQ(refusal(body), "") << body.substr(0, 80);
  std::string many = chat(R"(,"x":[)" + std::string("{}"));
  many.pop_back();
  for (int i = 0; i < 1000; ++i) {
    many += ",{";
    for (int k = 0; k < 1000; ++k) many += k ? ",\"\":1" : "\"\":1";
    many += "}";
  }
  EXPECT_EQ(refusal(many + "]}"), "the body has more than 1000000 members");
}

TEST(BadBody, AnUnusualNumberDoesNotHideThePrompt) {
  std::string body = chat(R"(,"seed":123456789012345678901234567890)");
  body.replace(body.find("[{}]"), 4, R"([{"role":"user","content":"a\ud800b"}])");
  auto size = body.size();
  body.append(64, '\0');
  std::string text;
  visit_prompt(OpenAiRoute::kChatCompletions, std::string_view(body).substr(0, size),
               [&](std::string_view part) { text += part; });
  EXPECT_EQ(text,
            "usera\xEF\xBF\xBD"
            "b");
}

namespace {

using Members = std::vector<std::pair<std::string, boost::json::value>>;

// The members in the order of the text, each parsed by itself: Boost keeps only the last of those that repeat.
Members members_of(std::string_view text) {
  Members out;
  auto spans = core::scan_object(text);
  EXPECT_TRUE(spans) << text;
  if (spans)
    for (const auto& [key, value] : *spans)
      out.emplace_back(boost::json::parse(text.substr(key.begin, key.size())).as_string().c_str(),
                       boost::json::parse(text.substr(value.begin, value.size())));
  return out;
}

std::string case_blind(std::string name) {
  for (auto [from, to] : {std::pair<std::string, std::string>{"\xC5\xBF", "s"}, {"\xE2\x84\xAA", "k"}})
    for (auto at = name.find(from); at != std::string::npos; at = name.find(from)) name.replace(at, from.size(), to);
  for (auto& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

enum class Decoder { kFirst, kLast, kCaseBlindLast };

const boost::json::value* look_up(const Members& members, std::string_view name, Decoder decoder) {
  const boost::json::value* found = nullptr;
  for (const auto& [key, value] : members) {
    bool same = decoder == Decoder::kCaseBlindLast ? case_blind(key) == name : key == name;
    if (!same || (decoder == Decoder::kFirst && found)) continue;
    found = &value;
  }
  return found && found->is_null() ? nullptr : found;
}

std::int64_t number(const boost::json::value* value, std::int64_t absent) {
  return !value ? absent : value->is_int64() ? value->as_int64() : INT64_MIN;
}

}  // namespace

// Whatever the client sends and whichever decoder the upstream has: it reads what is billed, or the request is refused.
TEST(Governed, EveryDecoderReadsWhatIsBilled) {
  std::mt19937 random(23);
  const char* names[] = {"model",
                         "Model",
                         "MODEL",
                         "mod\\u0065l",
                         "n",
                         "N",
                         "\\u006e",
                         "max_tokens",
                         "Max_Tokens",
                         "max_to\\u212aens",
                         "max_to\\u006bens",
                         "stream",
                         "\\u017ftream",
                         "max_completion_tokens",
                         "other"};
  const char* values[] = {"\"cheap\"", "\"dear\"", "1",     "2",    "7",    "1e3",
                          "-1",        "1.5",      "\"5\"", "null", "true", "99999999999"};
  int passed = 0;
  int respellings = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string body = "{\"messages\":[{}]";
    // Mostly sensible values, so that enough of them pass.
    for (unsigned i = 0, count = 1 + random() % 5; i < count; ++i) {
      std::string name = names[random() % std::size(names)];
      std::string plain = case_blind(boost::json::parse('"' + name + '"').as_string().c_str());
      std::string value = plain == "model"    ? values[random() % 2]
                          : plain == "stream" ? "true"
                                              : values[2 + random() % 3];
      if (random() % 8 == 0) value = values[random() % std::size(values)];
      body += ",\"" + name + "\":" + value;
    }
    body += "}";
    auto request = read(body);
    if (!request || !request->broken_rule.empty()) continue;
    ++passed;
    std::string base = body;
    if (!request->respelled.empty()) {
      ++respellings;
      base = request->respelled_body();
    }
    core::JsonEditor editor(base);
    OpenAiPatch patch;
    if (random() % 2) patch.upstream_model = "mapped";
    patch.ask_usage = true;
    patch_openai_request(*request, patch, editor, base);
    auto sent = members_of(editor.text());
    auto model = patch.upstream_model.empty() || request->model == "mapped" ? request->model : "mapped";
    for (auto decoder : {Decoder::kFirst, Decoder::kLast, Decoder::kCaseBlindLast}) {
      const auto* named = look_up(sent, "model", decoder);
      auto read_model = named && named->is_string() ? std::string(named->as_string().c_str()) : std::string();
      // A body without a model is refused by the gate.
      if (!request->model.empty()) {
        ASSERT_EQ(read_model, model) << body;
      }
      ASSERT_EQ(std::max<std::int64_t>(1, number(look_up(sent, "n", decoder), 1)), request->choices) << body;
      ASSERT_EQ(std::max(number(look_up(sent, "max_tokens", decoder), 0),
                         number(look_up(sent, "max_completion_tokens", decoder), 0)),
                request->max_output_tokens)
          << body;
      const auto* stream = look_up(sent, "stream", decoder);
      ASSERT_EQ(stream && stream->is_bool() && stream->as_bool(), request->stream) << body;
    }
  }
  EXPECT_GT(passed, 2000);
  EXPECT_GT(respellings, 500);
}

}  // namespace tollgate::dialect
