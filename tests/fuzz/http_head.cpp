// Heads of requests and answers: every view lies in the text, framing is never ambiguous, and how far an earlier call
// looked changes nothing.
#include "net/http_head.h"

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
    FUZZ_CHECK(request.headers.count("host") <= 1);
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
