// Calls of the doctor: one after the other, with an end, no redirect followed.
#pragma once
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tollgate::doctor {

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::string body;                  // not empty: POST, or what `method` says
  std::string method = {};
  std::chrono::milliseconds limit{10'000};
};

struct HttpAnswer {
  int status = 0;                                            // 0: none came
  std::string error;                                         // why
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  std::vector<std::chrono::milliseconds> pieces;  // when each came, since the request

  std::string header(std::string_view name) const;  // the first, or empty
};

HttpAnswer call(const HttpRequest& request);

}  // namespace tollgate::doctor
