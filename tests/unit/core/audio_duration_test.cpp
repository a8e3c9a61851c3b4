#include "core/audio_duration.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

using namespace tollgate;
using core::audio_duration;

namespace {

// Recordings of a tone that plays 2.6 s, written by FFmpeg; encoders fill their last frame up.
const std::string kDirectory = TOLLGATE_SOURCE_DIR "/tests/unit/core/audio/";

std::string bytes_of(const std::string& name) {
  std::ifstream file(kDirectory + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string extension_of(const std::string& name) { return name.substr(name.rfind('.')); }

std::string big(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xFF);
  return out;
}
std::string little(std::uint64_t value, int bytes) {
  auto out = big(value, bytes);
  return {out.rbegin(), out.rend()};
}

std::string wav(std::uint32_t stated_rate_of_bytes, std::uint32_t stated_size, std::size_t bytes) {
  return "RIFF" + little(36 + bytes, 4) + "WAVEfmt " + little(16, 4) + little(1, 2) + little(1, 2) + little(8000, 4) +
         little(stated_rate_of_bytes, 4) + little(2, 2) + little(16, 2) + "data" + little(stated_size, 4) +
         std::string(bytes, '\0');
}

class Recording : public testing::TestWithParam<const char*> {};

}  // namespace

TEST_P(Recording, IsMeasuredInMemoryAndInAFileAlike) {
  const std::string name = GetParam();
  auto bytes = bytes_of(name);
  ASSERT_FALSE(bytes.empty());
  auto seconds = audio_duration(extension_of(name), bytes);
  ASSERT_TRUE(seconds) << seconds.error().message;
  EXPECT_GE(*seconds, 2.58);
  EXPECT_LE(*seconds, 2.73);

  int file = ::open((kDirectory + name).c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  auto again = audio_duration(extension_of(name), file);
  ::close(file);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, *seconds);
}

INSTANTIATE_TEST_SUITE_P(OfEachFormat, Recording,
                         testing::Values("plain.mp3", "vbr.mp3", "plain.wav", "plain.flac", "plain.m4a",
                                         "fragments.mp4", "plain.ogg", "plain.opus", "plain.aiff", "plain.webm",
                                         "live.webm", "plain.aac"),
                         [](const auto& name) {
                           std::string text = name.param;
                           std::replace(text.begin(), text.end(), '.', '_');
                           return text;
                         });

TEST(AudioDuration, RefusesExtensionsThatAreNoneOfItsFormats) {
  for (const char* extension : {".txt", "mpga", "", "."}) {
    auto seconds = audio_duration(extension, bytes_of("plain.mp3"));
    ASSERT_FALSE(seconds) << extension;
    EXPECT_EQ(seconds.error().code, core::Errc::kUnsupported);
  }
  EXPECT_EQ(audio_duration("txt", "").error().message, "unsupported audio format: .txt");
}

TEST(AudioDuration, TakesExtensionsInAnyCaseWithAndWithoutADot) {
  for (const char* extension : {"mp3", ".mp3", "MP3", ".Mp3"})
    EXPECT_TRUE(audio_duration(extension, bytes_of("plain.mp3")));
}

TEST(AudioDuration, GoesByTheBytesWhereTheExtensionLies) {
  auto seconds = audio_duration("mp3", bytes_of("plain.m4a"));
  ASSERT_TRUE(seconds);
  EXPECT_EQ(*seconds, *audio_duration("m4a", bytes_of("plain.m4a")));
}

TEST(AudioDuration, SaysThatWhatIsNoAudioCannotBeRead) {
  for (auto text : {std::string(), std::string("hello"), std::string(100'000, 'x'), std::string(100'000, '\xFF')}) {
    auto seconds = audio_duration("mp3", text);
    ASSERT_FALSE(seconds);
    EXPECT_EQ(seconds.error().code, core::Errc::kInvalid);
  }
}

TEST(AudioDuration, CountsTheSamplesOfAWavWhateverItsHeaderSaysOfBytes) {
  EXPECT_DOUBLE_EQ(*audio_duration("wav", wav(16'000, 32'000, 32'000)), 2.0);
  EXPECT_DOUBLE_EQ(*audio_duration("wav", wav(1'000'000, 32'000, 32'000)), 2.0);
}

TEST(AudioDuration, TakesAllThereIsOfAWavWithoutALength) {
  EXPECT_DOUBLE_EQ(*audio_duration("wav", wav(16'000, 0xFFFFFFFF, 48'000)), 3.0);
  EXPECT_DOUBLE_EQ(*audio_duration("wav", wav(16'000, 0, 48'000)), 3.0);
}

TEST(AudioDuration, AddsUpFramesBehindATagAndAfterDamage) {
  auto mp3 = bytes_of("plain.mp3");
  auto whole = *audio_duration("mp3", mp3);
  std::string tag = "ID3\x04" + std::string(2, '\0') + std::string("\0\0\x02\x00", 4) + std::string(256, 'x');
  EXPECT_DOUBLE_EQ(*audio_duration("mp3", tag + mp3), whole);
  auto middle = mp3.size() / 2;
  auto damaged = mp3.substr(0, middle) + std::string(5000, '\0') + mp3.substr(middle);
  auto seconds = *audio_duration("mp3", damaged);
  EXPECT_GT(seconds, whole - 0.1);
  EXPECT_LT(seconds, whole + 0.1);
}

TEST(AudioDuration, DoesNotBelieveATableOfFramesThatAreNotThere) {
  auto mp3 = bytes_of("vbr.mp3");
  auto table = mp3.find("Xing") == std::string::npos ? mp3.find("Info") : mp3.find("Xing");
  ASSERT_NE(table, std::string::npos);
  auto honest = *audio_duration("mp3", mp3);
  mp3.replace(table + 8, 4, big(1, 4));  // "one frame"
  EXPECT_DOUBLE_EQ(*audio_duration("mp3", mp3), honest);
}

TEST(AudioDuration, ReadsWhatItCanOfAFileCutAnywhere) {
  for (const char* name :
       {"plain.m4a", "fragments.mp4", "plain.webm", "live.webm", "plain.ogg", "plain.flac", "plain.aiff"}) {
    auto bytes = bytes_of(name);
    for (std::size_t size = 0; size < bytes.size(); size += 97) {
      auto seconds = audio_duration(extension_of(name), std::string_view(bytes).substr(0, size));
      if (seconds) EXPECT_LE(*seconds, 2.73) << name << " cut at " << size;
    }
  }
}

TEST(AudioDuration, GivesUpOnAFileThatIsMadeToBeLookedAtForLong) {
  // Elements of two bytes each, and bytes each of which could begin a frame.
  auto webm = bytes_of("plain.webm") + std::string(80U << 20U, '\xEC');
  for (std::size_t at = bytes_of("plain.webm").size() + 1; at < webm.size(); at += 2) webm[at] = '\x80';
  EXPECT_FALSE(audio_duration("webm", webm));
  EXPECT_FALSE(audio_duration("mp3", std::string(80U << 20U, '\xFF') + bytes_of("plain.mp3")));
}

TEST(AudioDuration, GivesAThousandTokensAMinuteOfSecondsBegun) {
  EXPECT_EQ(core::audio_tokens(95.3), 1600);
  EXPECT_EQ(core::audio_tokens(7.2), 133);
  EXPECT_EQ(core::audio_tokens(60), 1000);
  EXPECT_EQ(core::audio_tokens(0.01), 17);
  EXPECT_EQ(core::audio_tokens(3), 50);
}
