// Heads of requests and answers: every view lies in the text, framing is never ambiguous, and how far an earlier call
// looked changes nothing.
#include "net/http_head.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string>

#include "fuzz/fuzz.h"

using namespace tollgate;

namespace {

bool inside(std::string_view part, std::string_view text) {
  return part.empty() || (part.data() >= text.data() && part.data() + part.size() <= text.data() + text.size());
}

void check_fields(const net::HeaderList& headers, std::string_view text) {
  for (const auto& [name, value] : headers.all()) {
    FUZZ_CHECK(!name.empty() && inside(name, text) && inside(value, text));
    FUZZ_CHECK(name.find_first_of(" \t\r\n:") == std::string_view::npos);
    FUZZ_CHECK(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
  }
}

// The rules of docs/http.md once more, each looked at by itself and in another way than the parser does.
void check_rules(const net::RequestHead& head, std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    FUZZ_CHECK((text[i] == '\n') == (i > 0 && text[i - 1] == '\r'));  // CR LF or neither
    if (text[i] == '\n' && i + 1 < text.size()) FUZZ_CHECK(text[i + 1] != ' ' && text[i + 1] != '\t');  // no folding
  }
  const std::string_view methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
  FUZZ_CHECK(std::find(std::begin(methods), std::end(methods), head.method) != std::end(methods));
  FUZZ_CHECK(head.target.size() <= 8192 && head.target.find_first_of(" \t#\\<>") == std::string_view::npos);
  FUZZ_CHECK(head.path == "*" || head.path.starts_with('/'));

  // Decoded once, segment by segment.
  for (std::size_t from = 1; from <= head.path.size();) {
    auto slash = std::min(head.path.find('/', from), head.path.size());
    std::string segment;
    for (auto i = from; i < slash; ++i) {
      if (head.path[i] != '%') {
        segment += head.path[i];
        continue;
      }
      FUZZ_CHECK(i + 2 < slash);
      auto value = std::strtoul(std::string(head.path.substr(i + 1, 2)).c_str(), nullptr, 16);
      FUZZ_CHECK(value != 0);
      if (value == '/' || value == '\\') FUZZ_CHECK(head.encoded_slash);
      segment += static_cast<char>(value);
      i += 2;
    }
    FUZZ_CHECK(segment != "." && segment != "..");
    from = slash + 1;
  }

  const auto host = head.headers.find("host");
  FUZZ_CHECK(host || head.minor_version == 0);
  if (host) {
    FUZZ_CHECK(!host->empty() && host->size() <= 255);
    FUZZ_CHECK(host->find_first_of(" \t/?#@\\,") == std::string_view::npos);
  }
  for (std::string_view once :
       {"host", "content-length", "transfer-encoding", "authorization", "content-type", "x-api-key", "x-goog-api-key",
        "new-api-user", "content-encoding", "stripe-signature", "expect"}) {
    FUZZ_CHECK(head.headers.count(once) <= 1);
    for (char c : head.headers.find(once).value_or("")) FUZZ_CHECK(static_cast<unsigned char>(c) < 0x80);
  }
  for (const auto& [name, value] : head.headers.all())
    FUZZ_CHECK(name.size() <= 64 && name.size() + value.size() < 16 * 1024);
  if (auto length = head.headers.find("content-length")) {
    FUZZ_CHECK(!length->empty() && length->size() <= 19);
    FUZZ_CHECK(length->find_first_not_of("0123456789") == std::string_view::npos);
    FUZZ_CHECK(head.content_length == std::strtoull(std::string(*length).c_str(), nullptr, 10));
  }
  if (auto coding = head.headers.find("transfer-encoding"))
    FUZZ_CHECK(net::equals_ignoring_case(*coding, "chunked") && head.minor_version == 1);
  if (head.method == "GET" || head.method == "HEAD" || head.method == "DELETE" || head.method == "OPTIONS")
    FUZZ_CHECK(head.framing != net::BodyFraming::kChunked && head.content_length <= 65536);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = fuzz::text(data, size);
  const auto end = net::find_head_end(input);
  FUZZ_CHECK(end <= input.size());
  if (end == 0) {
    for (std::size_t from = 0; from < input.size(); from += 1 + input.size() / 8)
      FUZZ_CHECK(net::find_head_end(input, from) == 0);
    return 0;
  }
  auto text = input.substr(0, end);

  net::RequestHead request;
  if (auto earlier = net::find_head_end(text.substr(0, end - 1)); earlier != 0) {
    // A bare LF ends the head only to have it refused, in whatever pieces it came.
    FUZZ_CHECK(net::parse_request_head(text.substr(0, earlier), request).status != 0);
    FUZZ_CHECK(net::parse_request_head(text, request).status != 0);
  }
  if (auto error = net::parse_request_head(text, request); error.status == 0) {
    check_fields(request.headers, text);
    FUZZ_CHECK(inside(request.method, text) && inside(request.target, text) && inside(request.path, text));
    FUZZ_CHECK(request.framing != net::BodyFraming::kUntilClose);
    const auto lengths = request.headers.count("content-length");
    const auto codings = request.headers.count("transfer-encoding");
    FUZZ_CHECK(lengths <= 1 && codings <= 1 && lengths + codings <= 1);
    FUZZ_CHECK((codings == 1) == (request.framing == net::BodyFraming::kChunked));
    check_rules(request, text);
  } else {
    FUZZ_CHECK(error.status >= 400 && error.status < 600 && !error.reason.empty());
  }

  for (std::string_view method : {"GET", "HEAD", "POST"}) {
    net::ResponseHead answer;
    if (net::parse_response_head(text, method, answer)) continue;
    check_fields(answer.headers, text);
    FUZZ_CHECK(answer.status >= 100 && answer.status <= 999);
    if (method == "HEAD") FUZZ_CHECK(answer.framing == net::BodyFraming::kNone);
  }
  return 0;
}
