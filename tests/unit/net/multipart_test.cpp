#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "form_bytes.h"

namespace tollgate::net {
namespace {

using test::read_form;
using test::ReadForm;
using ::testing::HasSubstr;

// A form of one part with boundary "b" and these header lines.
std::string one_part(const std::string& head, const std::string& bytes = "x") {
  return "--b\r\n" + head + "\r\n\r\n" + bytes + "\r\n--b--\r\n";
}
std::string refusal(const std::string& body) { return read_form("b", body).refusal; }
std::string refusal_of_head(const std::string& head) { return refusal(one_part(head)); }

FormPart head_of(const std::string& head) {
  auto form = read_form("b", one_part(head));
  EXPECT_EQ(form.refusal, "") << head;
  return form.parts.empty() ? FormPart() : form.parts.front().head;
}
std::string file_name(const std::string& parameters) {
  return head_of("Content-Disposition: form-data; name=\"file\"; " + parameters).file_name;
}

struct Sample {
  std::string boundary, body;
};

// What real clients sent, and a form with everything odd that is allowed.
std::map<std::string, Sample> samples() {
  std::map<std::string, Sample> found;
  for (const auto& entry : std::filesystem::directory_iterator(TOLLGATE_SOURCE_DIR "/tests/fuzz/seeds/multipart")) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto line = text.find('\n');
    found[entry.path().filename()] = {*form_boundary(text.substr(8, line - 8)), text.substr(line + 1)};
  }
  return found;
}

}  // namespace

TEST(MultipartReader, GivesTheSamePartsAtEverySplit) {
  const auto all = samples();
  ASSERT_GE(all.size(), 5U);
  for (const auto& [name, sample] : all) {
    const auto whole = read_form(sample.boundary, sample.body);
    ASSERT_EQ(whole.refusal, "") << name;
    ASSERT_FALSE(whole.parts.empty()) << name;
    for (std::size_t size = 1; size < sample.body.size(); ++size) {
      std::string_view rest = sample.body;
      auto pieces = [&] {
        auto piece = rest.substr(0, size);
        rest.remove_prefix(piece.size());
        return std::string(piece);
      };
      EXPECT_EQ(test::read_form_in_pieces(sample.boundary, pieces), whole) << name << " in pieces of " << size;
      // And cut once, at every place.
      int turn = 0;
      auto halves = [&] {
        ++turn;
        return turn == 1 ? sample.body.substr(0, size) : turn == 2 ? sample.body.substr(size) : std::string();
      };
      EXPECT_EQ(test::read_form_in_pieces(sample.boundary, halves), whole) << name << " cut at " << size;
    }
  }
}

TEST(MultipartReader, ReadsWhatTheOpenAiSdkSends) {
  const auto sample = samples().at("openai_transcription");
  const auto form = read_form(sample.boundary, sample.body);
  ASSERT_EQ(form.parts.size(), 6U);
  EXPECT_EQ(form.parts[0].head.name, "model");
  EXPECT_EQ(form.parts[0].bytes, "whisper-1");
  EXPECT_FALSE(form.parts[0].head.is_file);
  EXPECT_EQ(form.parts[1].head.file_name, "speech é.mp3");
  EXPECT_EQ(form.parts[1].head.content_type, "audio/mpeg");
  EXPECT_EQ(form.parts[1].bytes, std::string("ID3\x04\0\0\r\n--\0\xFF\r", 13));
  EXPECT_EQ(form.parts[2].head.content_type, "");
  EXPECT_EQ(form.parts[2].head.file_name, "");
  EXPECT_EQ(form.parts[4].head.name, "timestamp_granularities[]");
}

TEST(MultipartReader, ReadsTheOddFormsThatAreAllowed) {
  const auto form = read_form("b",
                              "preamble --b\r\n--b \t\r\n"
                              "content-disposition:FORM-DATA;name=plain; x=\"a;b\";\r\n\r\n\r\n--b\r\n"
                              "Content-Disposition: form-data; name=empty\r\n\r\n--b\r\n"
                              "Content-Disposition: form-data; name=\"near\"\r\n"
                              "X-Other: yes\r\n\r\n\r\n--\r\r\n--a\r\n--b--epilogue\r\n--b\r\n");
  EXPECT_EQ(form.refusal, "");
  ASSERT_EQ(form.parts.size(), 3U);
  EXPECT_EQ(form.parts[0].head.name, "plain");
  EXPECT_EQ(form.parts[0].bytes, "");
  EXPECT_EQ(form.parts[1].head.name, "empty");
  EXPECT_EQ(form.parts[1].bytes, "");
  EXPECT_EQ(form.parts[2].bytes, "\r\n--\r\r\n--a");
  EXPECT_EQ(read_form("b", "--b--"), ReadForm());
}

TEST(MultipartReader, HoldsBackNoMoreThanADelimiter) {
  MultipartReader reader("b");
  const std::string head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n";
  reader.feed(head);
  ASSERT_EQ(reader.next(), FormEvent::kPart);
  ASSERT_EQ(reader.next(), FormEvent::kMore);
  const std::string piece = std::string(70'000, 'x') + "\r\n--";
  std::size_t fed = 0, given = 0;
  for (int turn = 0; turn < 1000; ++turn) {
    reader.feed(piece);
    fed += piece.size();
    FormEvent event;
    while ((event = reader.next()) == FormEvent::kBytes) given += reader.bytes().size();
    ASSERT_EQ(event, FormEvent::kMore);
    ASSERT_EQ(given + std::string_view("\r\n--").size(), fed);
  }
}

TEST(MultipartReader, AFormThatWasCutIsNeverWhole) {
  for (const auto& [name, sample] : samples()) {
    const auto end = sample.body.rfind("--");
    for (std::size_t size = 0; size < end + 2; ++size)
      ASSERT_NE(read_form(sample.boundary, sample.body.substr(0, size)).refusal, "") << name << " after " << size;
    EXPECT_EQ(read_form(sample.boundary, sample.body.substr(0, end + 2)).refusal, "") << name;
  }
}

TEST(MultipartReader, EveryLimitIsHeldAndReached) {
  const std::string part = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n";
  auto parts = [&](int count) {
    std::string body;
    for (int i = 0; i < count; ++i) body += part;
    return body + "--b--";
  };
  EXPECT_EQ(refusal(parts(64)), "");
  EXPECT_THAT(refusal(parts(65)), HasSubstr("64 parts"));

  auto headers = [](int count) {
    std::string head = "Content-Disposition: form-data; name=\"a\"";
    for (int i = 1; i < count; ++i) head += "\r\nX: y";
    return head;
  };
  EXPECT_EQ(refusal_of_head(headers(16)), "");
  EXPECT_THAT(refusal_of_head(headers(17)), HasSubstr("16 header"));

  auto long_head = [](std::size_t size) {
    std::string head = "Content-Disposition: form-data; name=\"a\"\r\nX: ";
    return head + std::string(size - head.size() - 4, 'y');  // the two line ends behind it count
  };
  EXPECT_EQ(refusal_of_head(long_head(8192)), "");
  EXPECT_THAT(refusal_of_head(long_head(8193)), HasSubstr("8 KiB"));
  EXPECT_THAT(refusal("--b\r\n" + std::string(8193, 'y')), HasSubstr("8 KiB"));

  const std::string text = "Content-Disposition: form-data; name=\"a\"";
  EXPECT_EQ(refusal(one_part(text, std::string(1 << 20, 'v'))), "");
  EXPECT_THAT(refusal(one_part(text, std::string((1 << 20) + 1, 'v'))), HasSubstr("1 MiB"));
  EXPECT_EQ(refusal(one_part(text + "; filename=\"f\"", std::string((1 << 20) + 1, 'v'))), "");

  const std::string values = "--b\r\n" + text + "\r\n\r\n" + std::string(1 << 20, 'v') + "\r\n";
  EXPECT_EQ(refusal(values + one_part(text, std::string(1 << 20, 'v'))), "");

  auto named = [](std::size_t name, std::size_t file) {
    return "Content-Disposition: form-data; name=\"" + std::string(name, 'n') + "\"; filename=\"" +
           std::string(file, 'f') + "\"";
  };
  EXPECT_EQ(refusal_of_head(named(255, 255)), "");
  EXPECT_NE(refusal_of_head(named(256, 255)), "");
  EXPECT_THAT(refusal_of_head(named(255, 256)), HasSubstr("255 bytes"));
}

TEST(MultipartReader, AValueMayBeLongWhereItIsAllowedAndNoOther) {
  MultipartReader reader("b");
  const std::string value((1 << 20) + 1, 'v');
  const std::string body = "--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n" + value + "\r\n" +
                           one_part("Content-Disposition: form-data; name=\"other\"", value);
  reader.feed(body);
  ASSERT_EQ(reader.next(), FormEvent::kPart);
  reader.allow_long_value();
  EXPECT_EQ(reader.next(), FormEvent::kBytes);
  EXPECT_EQ(reader.bytes(), value);
  EXPECT_EQ(reader.next(), FormEvent::kPartEnd);
  ASSERT_EQ(reader.next(), FormEvent::kPart);
  EXPECT_EQ(reader.next(), FormEvent::kRefused);
  EXPECT_EQ(reader.next(), FormEvent::kRefused);
}

TEST(MultipartReader, RefusesNamesThatTwoProgramsReadDifferently) {
  const std::string before = "Content-Disposition: form-data; ";
  EXPECT_EQ(refusal_of_head(before + "name=\"model\""), "");
  const std::string bad[] = {
      "name*=UTF-8''model",
      "name=\"a\"; name*=UTF-8''model",
      "name*0=\"mo\"; name*1=\"del\"",
      "name=\"a\"; filename*0=\"f\"",
      "name=\"a\"; name=\"model\"",
      "name=\"a\"; NAME=\"model\"",
      "name=\"a\"; filename=\"f\"; filename=\"g\"",
      "name=\"mo\\del\"",
      "name=\"mo\\\"del\"",
      "name=\"\"",
      "name=",
      "name",
      "filename=\"f\"",
      "name=\"a",
      "name=\"a\" x",
      "name=mo del",
      "name = \"model\"",
      "name=\"a\"name=\"b\"",
      std::string("name=\"a\0\"", 9),
      "name=\"a\rb\"",
      "name=\"a\nb\"",
      "name=\"a\x01\"",
      "name=\"a\xFF\"",
      "name=\"a\"; filename=\"f\rg\"",
      std::string("name=\"a\"; filename=\"f\0g\"", 24),
      "name=\"a\"; filename*=UTF-8''f%0D%0Ag",
      "name=\"a\"; filename*=UTF-8''f%00g",
      "name=\"a\"; filename*=ISO-8859-1''f",
      "name=\"a\"; filename*=f",
  };
  for (const auto& parameters : bad) EXPECT_NE(refusal_of_head(before + parameters), "") << parameters;
}

TEST(MultipartReader, RefusesPartsThatAreNotFormData) {
  const std::string good = "Content-Disposition: form-data; name=\"a\"";
  const std::string bad[] = {
      "Content-Type: text/plain",
      "Content-Disposition: attachment; name=\"a\"",
      "Content-Disposition: form-data",
      good + "\r\n" + good,
      good + "\r\nContent-Type: text/plain\r\nContent-Type: text/html",
      good + "\r\nContent-Type: multipart/mixed; boundary=c",
      good + "\r\nContent-Type: MULTIPART/form-data; boundary=c",
      good + "\r\nContent-Type: audio/\x01",
      good + "\r\nContent-Transfer-Encoding: base64",
      good + "\r\nContent-Transfer-Encoding: quoted-printable",
      good + "\r\n folded",
      good + "\r\nno colon",
      good + "\r\n: no name",
      good + "\r\nX : blank before the colon",
      "X: bare line feed\n" + good,
      "X: bare \r return\r\n" + good,
      std::string("X: \0\r\n", 6) + good,
  };
  for (const auto& head : bad) EXPECT_NE(refusal_of_head(head), "") << head;
  EXPECT_EQ(refusal_of_head(good + "\r\nContent-Transfer-Encoding: Binary\r\nContent-Type:"), "");
  EXPECT_NE(refusal("--b\r\n\r\nx\r\n--b--"), "");
  EXPECT_NE(refusal("--bc\r\n" + good + "\r\n\r\nx\r\n--b--"), "");
  EXPECT_NE(refusal("--b\rx" + good + "\r\n\r\nx\r\n--b--"), "");
  EXPECT_NE(refusal("--b-x" + good + "\r\n\r\nx\r\n--b--"), "");
  EXPECT_NE(refusal("--b\n" + good + "\n\nx\n--b--\n"), "");
}

TEST(MultipartReader, AFileNameIsNeverAPath) {
  EXPECT_EQ(file_name("filename=\"a b;c.mp3\""), "a b;c.mp3");
  EXPECT_EQ(file_name("filename=\"../../etc/passwd\""), "passwd");
  EXPECT_EQ(file_name("filename=\"C:\\new\\track.mp3\""), "track.mp3");
  EXPECT_EQ(file_name("filename=\"C:\\\\new\\\\track.mp3\""), "track.mp3");
  EXPECT_EQ(file_name("filename=\"say \\\"hi\\\".mp3\""), "say hi.mp3");
  EXPECT_EQ(file_name("filename=\"say %22hi%22.mp3\""), "say %22hi%22.mp3");
  EXPECT_EQ(file_name("filename=\"a\x01\x7F\xC2\x85z.mp3\""), "az.mp3");
  EXPECT_EQ(file_name("filename=\"\xC3\xA9\xC2\xA0.mp3\""), "\xC3\xA9\xC2\xA0.mp3");
  EXPECT_EQ(file_name("filename=\"\xB2\xE2.mp3\""), "__.mp3");
  for (auto empty : {"filename=\"\"", "filename=\"..\"", "filename=\".\"", "filename=\"a/\"", "filename=\"/.\x02.\""})
    EXPECT_EQ(file_name(empty), "file") << empty;
  EXPECT_EQ(file_name("filename*=utf-8'en'na%C3%AFve+1.mp3"), "naïve+1.mp3");
  EXPECT_EQ(file_name("filename=\"x.mp3\"; filename*=UTF-8''..%2F%5Cy.mp3"), "y.mp3");
}

TEST(FormBoundary, IsReadFromTheContentType) {
  EXPECT_EQ(*form_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(*form_boundary("Multipart/Form-Data ;charset=utf-8; BOUNDARY=\"a b:c\""), "a b:c");
  EXPECT_EQ(form_boundary("multipart/form-data; boundary=" + std::string(70, 'b'))->size(), 70U);
  const std::string bad[] = {
      "",
      "multipart/mixed; boundary=b",
      "multipart/form-data",
      "multipart/form-data; boundary=",
      "multipart/form-data; boundary=\"\"",
      "multipart/form-data; boundary=\"b",
      "multipart/form-data; boundary=\"b \"",
      "multipart/form-data; boundary=b@c",
      "multipart/form-data; boundary=b\xC3\xA9",
      "multipart/form-data; boundary=b; boundary=c",
      "multipart/form-data, boundary=b",
      "multipart/form-data; boundary=" + std::string(71, 'b'),
  };
  for (const auto& type : bad) {
    auto boundary = form_boundary(type);
    ASSERT_FALSE(boundary) << type;
    EXPECT_EQ(boundary.error().code, core::Errc::kInvalid);
    EXPECT_NE(boundary.error().message, "");
  }
}

TEST(MultipartForm, IsReadBackAsItWasWritten) {
  for (const auto& [name, sample] : samples()) {
    auto form = read_form(sample.boundary, sample.body);
    for (auto& part : form.parts)
      if (part.head.is_file && part.head.content_type.empty()) part.head.content_type = "application/octet-stream";
    const auto [content_type, body] = test::written(form.parts);
    EXPECT_EQ(read_form(*form_boundary(content_type), body), form) << name;
  }
}

TEST(MultipartForm, KnowsItsLengthAndLeavesBytesWhereTheyAre) {
  const std::string bytes = "in memory";
  const FormContent parts[] = {
      {.head = {.name = "model"}, .bytes = bytes},
      {.head = {.name = "empty"}},
      {.head = {.name = "file", .is_file = true, .file_name = "f.mp3"}, .stored = 5'000'000'000}};
  const MultipartForm form(parts, [] { return std::string("BOUNDARY"); });
  EXPECT_EQ(form.content_type(), "multipart/form-data; boundary=BOUNDARY");
  std::string body;
  std::uint64_t size = 0;
  bool same_bytes = false;
  for (const auto& piece : form.pieces()) {
    size += piece.size;
    same_bytes = same_bytes || piece.text.data() == bytes.data();
    body += piece.stored_part == FormPiece::kInMemory ? std::string(piece.text)
                                                      : "<part " + std::to_string(piece.stored_part) + ">";
  }
  EXPECT_EQ(form.size(), size);
  EXPECT_TRUE(same_bytes);
  EXPECT_EQ(body,
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nin memory\r\n"
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n"
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f.mp3\"\r\n"
            "Content-Type: application/octet-stream\r\n\r\n<part 2>\r\n--BOUNDARY--\r\n");
  EXPECT_EQ(MultipartForm({}, [] { return std::string("B"); }).size(), std::string_view("--B--\r\n").size());
}

TEST(MultipartForm, TakesABoundaryThatStandsInNoHead) {
  const FormContent parts[] = {{.head = {.name = "first-guess"}}};
  int draws = 0;
  const MultipartForm form(parts, [&] { return std::string(draws++ == 0 ? "first" : "second"); });
  EXPECT_EQ(form.content_type(), "multipart/form-data; boundary=second");
  EXPECT_NE(random_form_boundary(), random_form_boundary());
  EXPECT_TRUE(form_boundary("multipart/form-data; boundary=" + random_form_boundary()));
}

TEST(MultipartForm, WritesNoHeadThatItWouldNotRead) {
  const FormContent bad[] = {
      {.head = {.name = ""}},
      {.head = {.name = "a\"; filename=\"b"}},
      {.head = {.name = "a\r\nX: y"}},
      {.head = {.name = "a", .content_type = "text/plain\r\nX: y"}},
      {.head = {.name = "a", .content_type = "multipart/mixed"}},
      {.head = {.name = "a", .is_file = true}},
      {.head = {.name = "a", .is_file = true, .file_name = "b/c"}},
      {.head = {.name = "a", .is_file = true, .file_name = "b\"c"}},
      {.head = {.name = "a", .is_file = true, .file_name = std::string(256, 'f')}},
      {.head = {.name = "a"}, .bytes = "x", .stored = 1},
  };
  for (const auto& part : bad) EXPECT_THROW(MultipartForm({&part, 1}), std::invalid_argument) << part.head.name;
}

}  // namespace tollgate::net
