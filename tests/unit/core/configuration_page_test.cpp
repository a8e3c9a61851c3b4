// The tables of docs/configuration.md are written from the table of variables: ./dev docs runs this with
// TOLLGATE_WRITE_DOCS set, and otherwise a page that is not what would be written fails.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/config.h"

namespace tollgate::core {
namespace {

constexpr std::string_view kPage = TOLLGATE_SOURCE_DIR "/docs/configuration.md";
constexpr std::string_view kBegin = "<!-- variables from ", kEnd = "<!-- end -->\n";

// '|' separates cells, also inside code.
std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string type_of(const Variable& variable) {
  auto words = [&] {
    std::string out;
    for (char c : variable.choices) out += c == '|' ? std::string(", ") : std::string(1, c);
    return out;
  };
  switch (variable.type) {
    case VariableType::kInt:
      return variable.min == 0 && variable.max == 0
                 ? "number"
                 : "number " + std::to_string(variable.min) + "–" + std::to_string(variable.max);
    case VariableType::kBool: return "boolean";
    case VariableType::kDuration: return variable.choices.empty() ? "duration" : "duration, " + words();
    case VariableType::kBounds: return "time,size";
    case VariableType::kChoice: return words();
    case VariableType::kList: return "list";
    case VariableType::kUrl: return "URL";
    case VariableType::kPath: return "path";
    case VariableType::kText: return "text";
  }
  return {};
}

std::string row_of(const Variable& variable) {
  std::string meaning(variable.meaning);
  if (!variable.also.empty()) meaning += "; also read as `" + std::string(variable.also) + "`";
  if (variable.support == Support::kNoEffect) meaning += "; taken, without effect";
  std::string bad = variable.support == Support::kNotYet   ? "any refuses: not built yet"
                    : variable.bad == OnBadValue::kDefault ? "warned, default"
                    : variable.type == VariableType::kText || variable.type == VariableType::kPath ||
                            variable.type == VariableType::kList
                        ? (variable.check ? "refuses" : "")
                        : "refuses";
  return "| `" + std::string(variable.name) + "` | " + cell(type_of(variable)) + " | " +
         (variable.fallback.empty() ? "" : "`" + cell(variable.fallback) + "`") + " | " + cell(meaning) + " | " +
         (variable.secret ? "secret" : "") + " | " + bad + " |\n";
}

// Each marked table holds the variables from the one it names up to the next table's first.
std::string with_tables(std::string_view page) {
  auto named_at = [&](std::size_t begin) {
    auto from = begin + kBegin.size();
    return std::string(page.substr(from, page.find(',', from) - from));
  };
  std::string out;
  std::size_t at = 0;
  for (std::size_t begin; (begin = page.find(kBegin, at)) != std::string_view::npos;) {
    auto body = page.find('\n', begin) + 1;
    auto end = page.find(kEnd, body);
    auto next = page.find(kBegin, body);
    auto first = named_at(begin), last = next == std::string_view::npos ? std::string() : named_at(next);
    out += page.substr(at, body - at);
    out += "| variable | type | default | meaning | secrecy | a bad value |\n|---|---|---|---|---|---|\n";
    bool inside = false;
    for (const auto& variable : variables()) {
      if (variable.name == first) inside = true;
      if (variable.name == last) inside = false;
      if (inside) out += row_of(variable);
    }
    at = end;
  }
  return out.append(page.substr(at));
}

TEST(ConfigurationPage, T1_ItsTablesAreTheTableOfVariables) {
  std::ifstream in{std::string(kPage)};
  ASSERT_TRUE(in);
  std::stringstream text;
  text << in.rdbuf();
  auto fresh = with_tables(text.str());
  if (std::getenv("TOLLGATE_WRITE_DOCS")) {
    std::ofstream(std::string(kPage)) << fresh;
    return;
  }
  EXPECT_TRUE(fresh == text.str()) << "docs/configuration.md is not what the table says; ./dev docs writes it anew";
  for (const auto& variable : variables())
    EXPECT_NE(fresh.find("| `" + std::string(variable.name) + "` |"), std::string::npos) << variable.name;
}

}  // namespace
}  // namespace tollgate::core
