// Forms: the same parts and the same verdict however the bytes are cut; no more bytes than came; names that are safe to
// write; and a form built anew from what was read is read back as the same.
// Input: 8 bytes of piece sizes, a Content-Type, a line feed, the body.
#include "net/multipart_reader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "form_bytes.h"
#include "fuzz/fuzz.h"

using namespace tollgate;

namespace {

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; });
}

void check_head(const net::FormPart& head) {
  FUZZ_CHECK(!head.name.empty() && head.name.size() <= 255);
  FUZZ_CHECK(!has_control(head.name) && head.name.find_first_of("\"\\") == std::string::npos);
  FUZZ_CHECK(!has_control(head.content_type) && head.content_type.size() <= 8192);
  FUZZ_CHECK(head.is_file == !head.file_name.empty() && head.file_name.size() <= 255);
  FUZZ_CHECK(!has_control(head.file_name) && head.file_name.find_first_of("\"\\/") == std::string::npos);
  FUZZ_CHECK(head.file_name != "." && head.file_name != "..");
  FUZZ_CHECK(net::safe_file_name(head.file_name) == (head.is_file ? head.file_name : "file"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::text(data, size);
  const auto line = input.find('\n', std::min<std::size_t>(8, size));
  if (line == std::string_view::npos) return 0;
  const auto boundary = net::form_boundary(input.substr(8, line - 8));
  if (!boundary) {
    FUZZ_CHECK(!boundary.error().message.empty());
    return 0;
  }
  FUZZ_CHECK(!boundary->empty() && boundary->size() <= 70 && boundary->find_first_of("\r\n\"") == std::string::npos);
  const auto body = input.substr(line + 1);
  const auto whole = test::read_form(*boundary, body);

  fuzz::Splitter pieces(input.substr(0, 8), body);
  const auto split = test::read_form_in_pieces(*boundary, [&] { return std::string(pieces.next()); });
  FUZZ_CHECK(whole.refusal == split.refusal);
  FUZZ_CHECK(whole.parts.size() == split.parts.size() && whole.parts.size() <= 64);

  std::size_t bytes = 0;
  for (const auto& part : whole.parts) {
    check_head(part.head);
    bytes += part.bytes.size();
    FUZZ_CHECK(part.bytes.find("\r\n--" + *boundary) == std::string::npos);
  }
  FUZZ_CHECK(bytes <= body.size());
  if (!whole.refusal.empty()) return 0;
  FUZZ_CHECK(whole == split);
  FUZZ_CHECK(std::all_of(whole.parts.begin(), whole.parts.end(), [](const auto& part) { return part.whole; }));
  FUZZ_CHECK(body.find("--" + *boundary + "--") != std::string_view::npos);

  auto expected = whole;
  for (auto& part : expected.parts)
    if (part.head.is_file && part.head.content_type.empty()) part.head.content_type = "application/octet-stream";
  const auto [content_type, written] = test::written(expected.parts);
  FUZZ_CHECK(test::read_form(*net::form_boundary(content_type), written) == expected);
  return 0;
}
