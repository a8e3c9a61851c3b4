#include "relay/answer_headers.h"

#include <algorithm>

#include "core/ascii.h"

namespace tollgate::relay {
namespace {

constexpr std::string_view kBytes = "application/octet-stream";
constexpr std::size_t kLongest = 200;

// Without quotes inside names, escapes or other character sets: what a client saves under must be seen at a glance.
bool is_plain(std::string_view value) {
  constexpr std::string_view kMarks = " ._-=;\"+,()";
  return value.size() <= kLongest && value.find("..") == std::string_view::npos &&
         std::all_of(value.begin(), value.end(), [&](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  kMarks.find(c) != std::string_view::npos;
         });
}

bool is_plain_type(std::string_view value) {
  auto slash = value.find('/');
  return slash != std::string_view::npos && is_plain(value.substr(0, slash)) && is_plain(value.substr(slash + 1));
}

}  // namespace

bool is_media_type(std::string_view content_type) {
  auto type = core::ascii_lower(content_type.substr(0, content_type.find(';')));
  while (type.ends_with(' ')) type.pop_back();
  return type.empty() || type.starts_with("audio/") || type == kBytes || type == "binary/octet-stream" ||
         type == "application/ogg";
}

std::vector<net::Header> passed_headers(const net::UpstreamCall& call) {
  auto type = call.header("content-type").value_or("");
  std::vector<net::Header> headers{{"Content-Type", is_plain_type(type) ? type : kBytes}};
  auto disposition = call.header("content-disposition");
  if (disposition && is_plain(*disposition)) headers.push_back({"Content-Disposition", *disposition});
  return headers;
}

}  // namespace tollgate::relay
