#include "app/front_end.h"

#include <functional>

#include "app/unmatched.h"
#include "core/ascii.h"
#include "core/log.h"

namespace tollgate::app {
namespace {

constexpr int kMostRedirects = 10;
constexpr auto kRedirectWindow = std::chrono::seconds(10);

// Host and port as two of them are compared: case, a dot at the end and the usual ports do not count.
std::string comparable(std::string_view host) {
  auto text = core::ascii_lower(core::trimmed(host));
  for (std::string_view port : {":80", ":443"})
    if (text.ends_with(port)) text.resize(text.size() - port.size());
  auto colon = text.find(':', text.rfind(']') == std::string::npos ? 0 : text.rfind(']'));
  if (auto name_end = colon == std::string::npos ? text.size() : colon; name_end > 0 && text[name_end - 1] == '.')
    text.erase(name_end - 1, 1);
  return text;
}

std::string_view host_of(std::string_view url) {
  auto begin = url.find("://");
  if (begin == std::string_view::npos) return {};
  url.remove_prefix(begin + 3);
  return url.substr(0, url.find('/'));
}

bool wants_a_page(const PageRequest& request) {
  if (request.method != "GET" && request.method != "HEAD") return false;
  if (!request.accept || request.accept->find("text/html") != std::string_view::npos) return true;
  auto name = request.path.substr(request.path.rfind('/') + 1);
  auto dot = name.rfind('.');
  return core::trimmed(*request.accept) == "*/*" && (dot == std::string_view::npos || name.substr(dot) == ".html");
}

bool is_file(std::string_view path) {
  auto name = path.substr(path.rfind('/') + 1);
  auto dot = name.rfind('.');
  return dot != std::string_view::npos && name.substr(dot) != ".html";
}

}  // namespace

std::string FrontEnd::base_of(const core::Config& config) {
  auto base = config.text("FRONTEND_BASE_URL");
  while (base.ends_with('/')) base.pop_back();
  return base;
}

FrontEnd::FrontEnd(const core::Config& config) : base_(base_of(config)) {
  host_ = comparable(host_of(base_));
  const auto& way = config.text("TOLLGATE_FRONTEND_REDIRECT");
  status_ = way == "301" ? 301 : 302;
  const bool slave = config.text("NODE_TYPE") == "slave";
  redirects_ = slave && !base_.empty() && way != "off";
  if (!slave && !base_.empty()) core::log::info("FRONTEND_BASE_URL is the base of links; a master sends nobody there");
}

std::optional<std::string> FrontEnd::elsewhere(const PageRequest& request, std::chrono::steady_clock::time_point now) {
  if (!redirects_ || is_for_programs(request.path) || is_file(request.path) || !wants_a_page(request))
    return std::nullopt;
  if (comparable(request.host) == host_ || loops(request, now)) return std::nullopt;
  std::string address = base_ + std::string(request.path);
  if (!request.query.empty()) address.append("?").append(request.query);
  return address;
}

bool FrontEnd::loops(const PageRequest& request, std::chrono::steady_clock::time_point now) {
  std::string text(request.client);
  text.append("\n").append(request.host).append("\n").append(request.path);
  auto key = std::hash<std::string>()(text);
  int count = 0;
  {
    std::lock_guard lock(mutex_);
    auto& seen = seen_[key % seen_.size()];
    if (seen.key != key || now - seen.since >= kRedirectWindow) seen = {key, now, 0};
    count = ++seen.count;
  }
  if (count == kMostRedirects + 1)
    core::log::warn(
        "{} was sent to {} {} times in a row and came back as {}: the balancer hides the host that people ask for; "
        "pass it with 'proxy_set_header Host $host', or set TOLLGATE_FRONTEND_REDIRECT=off",
        request.client, base_, kMostRedirects, request.host);
  return count > kMostRedirects;
}

}  // namespace tollgate::app
