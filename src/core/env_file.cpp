// The .env grammar: what Docker, systemd and shells write, read in one way.
#include <cctype>

#include "core/config.h"

namespace tollgate::core {
namespace {

bool is_name(std::string_view text) {
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0]))) return false;
  for (char c : text)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') return false;
  return true;
}

class EnvFileParser {
 public:
  EnvFileParser(std::string_view text, const std::map<std::string, std::string, std::less<>>& environment)
      : text_(text), environment_(environment) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  EnvFile parse() {
    while (at_ < text_.size() && file_.error.empty()) parse_line();
    if (!file_.error.empty()) file_.values.clear();
    return std::move(file_);
  }

 private:
  void fail(std::string_view what) { file_.error = "line " + std::to_string(line_) + ": " + std::string(what); }
  bool at_end() const { return at_ >= text_.size(); }
  bool at_line_end() const { return at_end() || text_[at_] == '\n'; }
  void skip_blanks() {
    while (!at_line_end() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
  }
  void next_line() {
    while (!at_line_end()) ++at_;
    if (!at_end()) ++at_;
    ++line_;
  }

  void parse_line() {
    skip_blanks();
    if (at_line_end() || text_[at_] == '#') return next_line();
    if (text_.substr(at_).starts_with("export ")) {
      at_ += 7;
      skip_blanks();
    }
    auto begin = at_;
    while (!at_line_end() && text_[at_] != '=' && text_[at_] != ':') ++at_;
    if (at_line_end()) return fail("neither NAME=value, nor a comment");
    auto name = text_.substr(begin, at_ - begin);
    while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) name.remove_suffix(1);
    if (!is_name(name)) return fail("the name before '=' is not a variable's name");
    ++at_;
    skip_blanks();
    std::string value;
    if (at_line_end()) {
    } else if (text_[at_] == '\'' || text_[at_] == '"') {
      if (!parse_quoted(text_[at_], value)) return;
      skip_blanks();
      if (!at_line_end() && text_[at_] != '#') return fail("text after the closing quote");
    } else {
      parse_plain(value);
    }
    file_.values[std::string(name)] = std::move(value);
    next_line();
  }

  void parse_plain(std::string& value) {
    while (!at_line_end()) {
      if (text_[at_] == '#' && (value.empty() || value.back() == ' ' || value.back() == '\t')) break;
      if (text_[at_] == '$')
        expand(value);
      else
        value.push_back(text_[at_++]);
    }
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t' || value.back() == '\r')) value.pop_back();
  }

  bool parse_quoted(char quote, std::string& value) {
    auto first_line = line_;
    ++at_;
    while (!at_end() && text_[at_] != quote) {
      char c = text_[at_];
      if (c == '\n') ++line_;
      if (quote == '"' && c == '\\' && at_ + 1 < text_.size()) {
        char next = text_[at_ + 1];
        at_ += 2;
        switch (next) {
          case 'n': value.push_back('\n'); break;
          case 'r': value.push_back('\r'); break;
          case 't': value.push_back('\t'); break;
          case '"':
          case '\\':
          case '$': value.push_back(next); break;
          default: value.push_back('\\'); value.push_back(next);
        }
      } else if (quote == '"' && c == '$') {
        expand(value);
      } else {
        value.push_back(c);
        ++at_;
      }
    }
    if (at_end()) {
      line_ = first_line;
      fail("the quote is never closed");
      return false;
    }
    ++at_;
    return true;
  }

  void expand(std::string& value) {
    auto begin = at_ + 1;
    bool braces = begin < text_.size() && text_[begin] == '{';
    auto from = braces ? begin + 1 : begin;
    auto to = from;
    while (to < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[to])) || text_[to] == '_')) ++to;
    auto name = text_.substr(from, to - from);
    if (!is_name(name) || (braces && (to >= text_.size() || text_[to] != '}'))) {
      value.push_back(text_[at_++]);
      return;
    }
    at_ = braces ? to + 1 : to;
    if (auto found = file_.values.find(name); found != file_.values.end()) {
      value += found->second;
    } else if (auto other = environment_.find(name); other != environment_.end()) {
      value += other->second;
    }
  }

  std::string_view text_;
  const std::map<std::string, std::string, std::less<>>& environment_;
  std::size_t at_ = 0;
  int line_ = 1;
  EnvFile file_;
};

}  // namespace

EnvFile parse_env_file(std::string_view text, const std::map<std::string, std::string, std::less<>>& environment) {
  return EnvFileParser(text, environment).parse();
}

}  // namespace tollgate::core
