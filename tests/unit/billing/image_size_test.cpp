#include "billing/image_size.h"

#include <gtest/gtest.h>

#include <string>

namespace tollgate::billing {
namespace {

using namespace std::string_literals;
using State = ImageSize::State;

void expect_size(const std::string& bytes, std::int64_t width, std::int64_t height) {
  auto size = read_image_size(bytes);
  EXPECT_EQ(size.state, State::kKnown);
  EXPECT_EQ(size.width, width);
  EXPECT_EQ(size.height, height);
  // Whatever is missing of it: never a wrong size.
  for (std::size_t have = 0; have < bytes.size(); ++have) {
    auto part = read_image_size(std::string_view(bytes).substr(0, have));
    EXPECT_NE(part.state, State::kNone) << have;
    if (part.state == State::kKnown) EXPECT_EQ(part.width, width) << have;
  }
}

const std::string kGif = "GIF89a\x40\x01\xF0\x00"s;
const std::string kPng = "\x89PNG\r\n\x1A\n\x00\x00\x00\x0DIHDR\x00\x00\x04\x00\x00\x00\x03\x00"s;
// JFIF, a table, then the frame: progressive, 640 × 480.
const std::string kJpeg =
    "\xFF\xD8\xFF\xE0\x00\x06JFIF\xFF\xDB\x00\x04\x01\x02\xFF\xFF\xC2\x00\x11\x08\x01\xE0\x02\x80"s;
const std::string kLossy = "RIFF\x00\x00\x00\x00WEBPVP8 \x00\x00\x00\x00\x00\x00\x00\x9D\x01\x2A\x20\x03\x58\x02"s;
const std::string kLossless = "RIFF\x00\x00\x00\x00WEBPVP8L\x00\x00\x00\x00\x2F\x1F\xC3\x95\x00\x00\x00\x00\x00\x00"s;
const std::string kExtended = "RIFF\x00\x00\x00\x00WEBPVP8X\x0A\x00\x00\x00\x00\x00\x00\x00\xFF\x03\x00\xFF\x02\x00"s;

}  // namespace

TEST(ImageSize, IsReadFromTheHeadsOfTheFourFormats) {
  expect_size(kGif, 320, 240);
  expect_size(kPng, 1024, 768);
  expect_size(kJpeg, 640, 480);
  expect_size(kLossy, 800, 600);
  expect_size(kLossless, 800, 600);
  expect_size(kExtended, 1024, 768);
}

TEST(ImageSize, IsNoneForWhatIsNoImage) {
  EXPECT_EQ(read_image_size("%PDF-1.7 and more of it").state, State::kNone);
  EXPECT_EQ(read_image_size("<svg xmlns='http://www.w3.org/2000/svg'>").state, State::kNone);
  EXPECT_EQ(read_image_size("GIF89a\x00\x00\x00\x00"s).state, State::kNone);            // no pixels
  EXPECT_EQ(read_image_size("\xFF\xD8\xFF\xDA\x00\x02\x00\x00"s).state, State::kNone);  // a scan without a frame
  EXPECT_EQ(read_image_size("\xFF\xD8\xFF\xE0\x00\x00\x00\x00"s).state, State::kNone);  // a length below itself
  EXPECT_EQ(read_image_size("\xFF\xD8garbage").state, State::kNone);
  EXPECT_EQ(read_image_size(kLossy.substr(0, 23) + "xyz" + kLossy.substr(26)).state, State::kNone);
}

TEST(KindOfFile, IsThatOfTheBytesBeforeThatOfTheHead) {
  EXPECT_EQ(kind_of_file(kPng, "text/html"), MediaKind::kImage);
  EXPECT_EQ(kind_of_file("ID3\x04", "application/octet-stream"), MediaKind::kAudio);
  EXPECT_EQ(kind_of_file("RIFF\x00\x00\x00\x00WAVE"s, ""), MediaKind::kAudio);
  EXPECT_EQ(kind_of_file("\x00\x00\x00\x20"
                         "ftypisom"s,
                         ""),
            MediaKind::kVideo);
  EXPECT_EQ(kind_of_file("\x00\x00\x00\x20"
                         "ftypM4A "s,
                         ""),
            MediaKind::kAudio);
  EXPECT_EQ(kind_of_file("%PDF-1.7", "image/png"), MediaKind::kFile);
  EXPECT_EQ(kind_of_file("unknown", "image/x-icon"), MediaKind::kImage);
  EXPECT_EQ(kind_of_file("unknown", "audio/aac"), MediaKind::kAudio);
  EXPECT_EQ(kind_of_file("unknown", "video/x-flv"), MediaKind::kVideo);
  EXPECT_EQ(kind_of_file("unknown", ""), MediaKind::kFile);
}

}  // namespace tollgate::billing
