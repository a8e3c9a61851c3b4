#include "net/decompress.h"

#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <string>
#include <vector>

namespace tollgate::net {
namespace {

std::string deflated(std::string_view plain, int window_bits) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string brotli(std::string_view plain, int window_bits = 22) {
  std::size_t size = BrotliEncoderMaxCompressedSize(plain.size()) + 100;
  std::string out(size, '\0');
  BrotliEncoderCompress(5, window_bits, BROTLI_MODE_GENERIC, plain.size(),
                        reinterpret_cast<const std::uint8_t*>(plain.data()), &size,
                        reinterpret_cast<std::uint8_t*>(out.data()));
  out.resize(size);
  return out;
}

std::string zstd(std::string_view plain, int window_log = 0) {
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  auto* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);  // else a small text makes its window small
  out.resize(ZSTD_compress2(context, out.data(), out.size(), plain.data(), plain.size()));
  ZSTD_freeCCtx(context);
  return out;
}

std::string pack(ContentCoding coding, std::string_view plain) {
  switch (coding) {
    case ContentCoding::kGzip: return deflated(plain, 15 + 16);
    case ContentCoding::kDeflate: return deflated(plain, 15);
    case ContentCoding::kBrotli: return brotli(plain);
    default: return zstd(plain);
  }
}

constexpr ContentCoding kAll[] = {ContentCoding::kGzip, ContentCoding::kDeflate, ContentCoding::kBrotli,
                                  ContentCoding::kZstd};

struct Unpacked {
  std::string text;
  std::string error;
  bool done = false;
};

Unpacked unpack(ContentCoding coding, std::string_view packed, std::size_t step = 1000, std::size_t room = 4096) {
  Decompressor decompressor(coding);
  Unpacked out;
  std::vector<char> buffer(room);
  while (!packed.empty()) {
    auto piece = packed.substr(0, step);
    packed.remove_prefix(piece.size());
    for (bool more = true; more;) {
      auto result = decompressor.decode(piece, buffer.data(), room);
      out.text.append(buffer.data(), result.produced);
      if (result.error) {
        out.error = result.error;
        return out;
      }
      piece.remove_prefix(result.consumed);
      more = !piece.empty() || result.produced == room;
    }
  }
  out.done = decompressor.done();
  return out;
}

std::string some_text() {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "line " + std::to_string(i * 7919) + "\n";
  return text;
}

}  // namespace

TEST(Decompress, GivesTheSameTextAtEverySplitAndRoom) {
  const auto text = some_text();
  for (auto coding : kAll) {
    const auto packed = pack(coding, text);
    for (std::size_t step : {1U, 2U, 7U, 1000U, 1U << 20U})
      for (std::size_t room : {1U, 100U, 1U << 16U}) {
        if (step * room == 1) continue;
        auto out = unpack(coding, packed, step, room);
        EXPECT_EQ(out.error, "");
        EXPECT_TRUE(out.done);
        EXPECT_TRUE(out.text == text) << static_cast<int>(coding) << ' ' << step << ' ' << room;
      }
  }
}

TEST(Decompress, UnpacksAnEmptyText) {
  for (auto coding : kAll) {
    auto out = unpack(coding, pack(coding, ""));
    EXPECT_TRUE(out.done && out.error.empty() && out.text.empty()) << static_cast<int>(coding);
  }
}

TEST(Decompress, SeesThatABodyIsCutAtAnyPlace) {
  const auto text = some_text().substr(0, 500);
  for (auto coding : kAll) {
    const auto packed = pack(coding, text);
    for (std::size_t size = 0; size < packed.size(); ++size) {
      auto out = unpack(coding, packed.substr(0, size));
      EXPECT_FALSE(out.done && out.error.empty()) << static_cast<int>(coding) << ' ' << size;
    }
  }
}

TEST(Decompress, RefusesWhatStandsBehindTheEnd) {
  for (auto coding : kAll) {
    const auto packed = pack(coding, "one");
    EXPECT_NE(unpack(coding, packed + "x").error, "") << static_cast<int>(coding);
    EXPECT_NE(unpack(coding, packed + packed).error, "") << static_cast<int>(coding);
    EXPECT_NE(unpack(coding, packed + packed, packed.size()).error, "") << static_cast<int>(coding);
    EXPECT_NE(unpack(coding, packed + std::string(1, '\0')).error, "") << static_cast<int>(coding);
  }
}

TEST(Decompress, RefusesWhatIsNotPackedThatWay) {
  for (auto coding : kAll) {
    EXPECT_NE(unpack(coding, R"({"model":"gpt-4o-mini"})").error, "") << static_cast<int>(coding);
    for (auto other : kAll) {
      if (other == coding) continue;
      auto out = unpack(coding, pack(other, some_text()));
      EXPECT_FALSE(out.done && out.error.empty()) << static_cast<int>(coding);
    }
  }
}

TEST(Decompress, EndsABombSoonAfterItsFirstMegabyte) {
  const std::string zeros(20'000'000, '\0');
  for (auto coding : kAll) {
    auto out = unpack(coding, pack(coding, zeros), 1000, 65536);
    EXPECT_EQ(out.error, "the body unpacks to more than 100 times its size") << static_cast<int>(coding);
    EXPECT_LE(out.text.size(), 1'500'000U) << static_cast<int>(coding);
  }
}

TEST(Decompress, LetsAMegabyteThroughHoweverSmallItWasPacked) {
  const std::string zeros(1024 * 1024, '\0');
  for (auto coding : kAll) EXPECT_TRUE(unpack(coding, pack(coding, zeros)).done) << static_cast<int>(coding);
}

TEST(Decompress, LimitsTheWindow) {
  const auto text = some_text();
  EXPECT_TRUE(unpack(ContentCoding::kBrotli, brotli(text, 22)).done);
  EXPECT_EQ(unpack(ContentCoding::kBrotli, brotli(text, 23)).error, "the window of the packed body is too large");
  EXPECT_EQ(unpack(ContentCoding::kBrotli, brotli(text, 24)).error, "the window of the packed body is too large");
  // The encoder makes the window no larger than its input needs.
  std::string large;
  for (std::uint32_t i = 0, x = 1; i < 20'000'000; ++i)
    large += static_cast<char>((x = x * 1664525U + 1013904223U) >> 24U);
  EXPECT_TRUE(unpack(ContentCoding::kZstd, zstd(large, 23)).done);
  EXPECT_EQ(unpack(ContentCoding::kZstd, zstd(large, 24)).error, "the window of the packed body is too large");
}

}  // namespace tollgate::net
