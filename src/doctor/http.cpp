#include "doctor/http.h"

#include <curl/curl.h>

#include <memory>

namespace tollgate::doctor {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kMost = 4U << 20U;

struct Call {
  HttpAnswer answer;
  steady_clock::time_point began = steady_clock::now();
};

std::size_t take_body(char* data, std::size_t, std::size_t size, void* to) {
  auto& call = *static_cast<Call*>(to);
  call.answer.pieces.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - call.began));
  call.answer.body.append(data, size);
  return call.answer.body.size() > kMost ? 0 : size;
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* to) {
  std::string_view line(data, size);
  auto colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string name;
  for (char c : line.substr(0, colon)) name += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  auto begin = line.find_first_not_of(" \t", colon + 1);
  auto end = line.find_last_not_of("\r\n ");
  static_cast<Call*>(to)->answer.headers.emplace_back(
      std::move(name), begin == std::string_view::npos || end < begin ? "" : line.substr(begin, end - begin + 1));
  return size;
}

}  // namespace

std::string HttpAnswer::header(std::string_view name) const {
  for (const auto& [at, value] : headers)
    if (at == name) return value;
  return {};
}

HttpAnswer call(const HttpRequest& request) {
  static const auto ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(ready == CURLE_OK ? curl_easy_init() : nullptr,
                                                           curl_easy_cleanup);
  Call call;
  if (!curl) return {.error = "libcurl does not start"};
  curl_slist* list = nullptr;
  for (const auto& header : request.headers) list = curl_slist_append(list, header.c_str());
  list = curl_slist_append(list, "Expect:");
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(list, curl_slist_free_all);
  char why[CURL_ERROR_SIZE] = "";
  auto* handle = curl.get();
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, why);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(request.limit.count()));
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "tollgate-doctor");
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &call);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &call);
  if (!request.method.empty()) curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (!request.body.empty()) {
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  const auto done = curl_easy_perform(handle);
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  call.answer.status = static_cast<int>(status);
  if (done != CURLE_OK) call.answer.error = *why ? why : curl_easy_strerror(done);
  return std::move(call.answer);
}

}  // namespace tollgate::doctor
