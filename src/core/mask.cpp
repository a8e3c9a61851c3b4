#include "core/mask.h"

#include <vector>

namespace tollgate::core {
namespace {

bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  for (;;) {
    auto at = text.find(by);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text = text.substr(at + 1);
  }
}

// "com" of a.b.com, "co.uk" of a.b.co.uk.
std::string host_tail(const std::vector<std::string_view>& labels) {
  auto n = labels.size();
  if (n >= 2 && labels[n - 1].size() == 2 && labels[n - 2].size() <= 3)
    return std::string(labels[n - 2]) + "." + std::string(labels[n - 1]);
  return std::string(labels[n - 1]);
}

std::string mask_url(std::string_view url) {
  auto scheme_end = url.find("://") + 3;
  std::string out(url.substr(0, scheme_end));
  auto rest = url.substr(scheme_end);
  auto path_at = rest.find_first_of("/?");
  auto host = rest.substr(0, path_at);
  if (auto at = host.rfind('@'); at != std::string_view::npos) host = host.substr(at + 1);
  if (auto colon = host.find(':'); colon != std::string_view::npos) host = host.substr(0, colon);
  auto labels = split(host, '.');
  out += labels.size() < 2 ? "***" : "***." + host_tail(labels);
  if (path_at == std::string_view::npos) return out;
  rest = rest.substr(path_at);
  auto question = rest.find('?');
  auto path = rest.substr(0, question);
  while (path.starts_with('/')) path.remove_prefix(1);
  if (!path.empty())
    for (auto segment : split(path, '/'))
      if (!segment.empty()) out += "/***";
  if (question != std::string_view::npos) {
    out += '?';
    bool first = true;
    for (auto pair : split(rest.substr(question + 1), '&')) {
      if (!first) out += '&';
      first = false;
      auto equals = pair.find('=');
      if (equals == std::string_view::npos)
        out += "***";
      else
        out += std::string(pair.substr(0, equals)) + "=***";
    }
  }
  return out;
}

std::string mask_urls(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto at = text.find("http");
    while (at != std::string_view::npos && !text.substr(at).starts_with("http://") &&
           !text.substr(at).starts_with("https://"))
      at = text.find("http", at + 4);
    if (at == std::string_view::npos) break;
    out += text.substr(0, at);
    auto end = at;
    while (end < text.size() && !is_blank(text[end])) ++end;
    out += mask_url(text.substr(at, end - at));
    text = text.substr(end);
  }
  out += text;
  return out;
}

// A word of labels joined by dots: a host name when its last label is letters only, two or more.
std::string mask_names(std::string_view text) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    if (!is_alnum(text[at]) || (at > 0 && (text[at - 1] == '*' || text[at - 1] == '/') && out.ends_with("***."))) {
      out.push_back(text[at++]);
      continue;
    }
    auto begin = at;
    while (at < text.size() && (is_alnum(text[at]) || text[at] == '-' || text[at] == '.')) ++at;
    auto word = text.substr(begin, at - begin);
    std::string_view trailing;
    while (!word.empty() && (word.back() == '.' || word.back() == '-')) {
      trailing = text.substr(begin + word.size() - 1, at - begin - word.size() + 1);
      word.remove_suffix(1);
    }
    auto labels = split(word, '.');
    bool name = labels.size() >= 2 && labels.back().size() >= 2;
    for (char c : labels.back()) name = name && is_alpha(c);
    for (auto label : labels) name = name && !label.empty();
    bool masked_already = begin >= 4 && text.substr(begin - 4, 4) == "***.";
    if (name && !masked_already) {
      auto tail = host_tail(labels);
      auto hidden = labels.size() - static_cast<std::size_t>(1 + (tail.find('.') != std::string::npos ? 1 : 0));
      if (hidden == 0) hidden = 1;
      for (std::size_t i = 0; i < hidden; ++i) out += "***.";
      out += tail;
    } else {
      out += word;
    }
    out += trailing;
  }
  return out;
}

std::string mask_ipv4(std::string_view text) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    bool at_border = at == 0 || !is_alnum(text[at - 1]);
    if (!is_digit(text[at]) || !at_border) {
      out.push_back(text[at++]);
      continue;
    }
    auto end = at;
    int parts = 0;
    while (parts < 4) {
      std::size_t digits = 0;
      while (end < text.size() && is_digit(text[end]) && digits < 4) {
        ++end;
        ++digits;
      }
      if (digits == 0 || digits > 3) break;
      ++parts;
      if (parts == 4) break;
      if (end + 1 >= text.size() || text[end] != '.' || !is_digit(text[end + 1])) break;
      ++end;
    }
    if (parts == 4 && (end == text.size() || !is_alnum(text[end]))) {
      out += "***.***.***.***";
    } else {
      while (end > at && !is_digit(text[end - 1])) --end;
      if (end == at) end = at + 1;
      out += text.substr(at, end - at);
    }
    at = end;
  }
  return out;
}

std::string mask_api_key(std::string_view text) {
  constexpr std::string_view kMark = "api_key:";
  std::string out;
  while (true) {
    auto at = text.find(kMark);
    if (at == std::string_view::npos) break;
    auto end = at + kMark.size();
    out += text.substr(0, end);
    while (end < text.size() && !is_blank(text[end]) && text[end] != ',' && text[end] != '"') ++end;
    out += "***";
    text = text.substr(end);
  }
  out += text;
  return out;
}

}  // namespace

std::string mask_sensitive(std::string_view text) {
  auto masked = mask_urls(text);
  masked = mask_names(masked);
  masked = mask_ipv4(masked);
  return mask_api_key(masked);
}

}  // namespace tollgate::core
