#include "net/decompress.h"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <new>

namespace tollgate::net {
namespace {

constexpr std::size_t kFreeOutput = 1024 * 1024;  // not looked at by the ratio
constexpr std::size_t kMostRatio = 100;
constexpr int kZstdWindowLog = 23;  // 8 MiB
constexpr std::string_view kZstdMagic("\x28\xb5\x2f\xfd");

constexpr const char* kCorrupt = "the packed body is corrupt";
constexpr const char* kWindow = "the window of the packed body is too large";

}  // namespace

struct Decompressor::Codec {
  virtual ~Codec() = default;
  virtual Step decode(std::string_view packed, char* out, std::size_t room, bool& done) = 0;
};

struct Decompressor::Inflate final : Codec {
  explicit Inflate(int window_bits) {
    if (inflateInit2(&stream, window_bits) != Z_OK) throw std::bad_alloc();
  }
  ~Inflate() override { inflateEnd(&stream); }
  Step decode(std::string_view packed, char* out, std::size_t room, bool& done) override {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = reinterpret_cast<Bytef*>(out);
    stream.avail_out = static_cast<uInt>(room);
    const int state = inflate(&stream, Z_NO_FLUSH);
    done = state == Z_STREAM_END;
    // Z_BUF_ERROR: nothing to do with what is there, which is no fault.
    const bool good = done || state == Z_OK || state == Z_BUF_ERROR;
    return {packed.size() - stream.avail_in, room - stream.avail_out, good ? nullptr : kCorrupt};
  }
  z_stream stream{};
};

struct Decompressor::Brotli final : Codec {
  Brotli() : state(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {
    if (!state) throw std::bad_alloc();
  }
  ~Brotli() override { BrotliDecoderDestroyInstance(state); }
  Step decode(std::string_view packed, char* out, std::size_t room, bool& done) override {
    if (!begun && !packed.empty()) {
      begun = true;
      // The low bits of the first byte name the window (RFC 7932 §9.1): these two are 8 and 16 MiB.
      const auto window = static_cast<unsigned char>(packed.front()) & 0x0FU;
      if (window == 0x0D || window == 0x0F) return {0, 0, kWindow};
    }
    std::size_t input = packed.size();
    std::size_t space = room;
    const auto* next_in = reinterpret_cast<const std::uint8_t*>(packed.data());
    auto* next_out = reinterpret_cast<std::uint8_t*>(out);
    const auto result = BrotliDecoderDecompressStream(state, &input, &next_in, &space, &next_out, nullptr);
    done = result == BROTLI_DECODER_RESULT_SUCCESS;
    return {packed.size() - input, room - space, result == BROTLI_DECODER_RESULT_ERROR ? kCorrupt : nullptr};
  }
  BrotliDecoderState* state;
  bool begun = false;
};

struct Decompressor::Zstd final : Codec {
  Zstd() : context(ZSTD_createDCtx()) {
    if (!context) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, kZstdWindowLog);
  }
  ~Zstd() override { ZSTD_freeDCtx(context); }
  Step decode(std::string_view packed, char* out, std::size_t room, bool& done) override {
    if (begun) return decode_more(packed, out, room, done);
    std::size_t taken = 0;
    while (taken < packed.size() && have < header_size()) header[have++] = packed[taken++];
    if (!kZstdMagic.starts_with(std::string_view(header.data(), std::min(have, kZstdMagic.size()))))
      return {taken, 0, kCorrupt};
    if (have < header_size()) return {taken, 0, nullptr};
    begun = true;
    // The first byte by itself: a frame that is there whole would be decoded in one pass, by other rules than one that
    // comes in pieces, and without a look at its window.
    std::string_view rest(header.data(), have);
    for (std::size_t size = 1; !rest.empty(); size = rest.size()) {
      auto step = decode_more(rest.substr(0, size), nullptr, 0, done);
      if (step.error) return {taken, 0, step.error};
      rest.remove_prefix(step.consumed);
      if (step.consumed < size) return {taken, 0, kCorrupt};
    }
    if (taken == packed.size()) return {taken, 0, nullptr};
    auto step = decode_more(packed.substr(taken), out, room, done);
    step.consumed += taken;
    return step;
  }

  // Of the frame's header (RFC 8878 §3.1.1.1), as far as it is known. It is held until it is whole, because the library
  // looks for frames of older formats wherever a piece of it begins.
  std::size_t header_size() const {
    constexpr std::size_t kBeforeFields = 5;
    if (have < kBeforeFields) return kBeforeFields;
    const auto descriptor = static_cast<unsigned char>(header[kBeforeFields - 1]);
    const bool single = (descriptor & 0x20U) != 0;
    constexpr std::size_t kDictionary[] = {0, 1, 2, 4}, kContent[] = {0, 2, 4, 8};
    const auto content = kContent[descriptor >> 6U];
    return kBeforeFields + (single ? 0 : 1) + kDictionary[descriptor & 3U] + (single && content == 0 ? 1 : content);
  }

  Step decode_more(std::string_view packed, char* out, std::size_t room, bool& done) {
    ZSTD_inBuffer input{packed.data(), packed.size(), 0};
    ZSTD_outBuffer output{out, room, 0};
    const auto left = ZSTD_decompressStream(context, &output, &input);
    done = left == 0;
    if (!ZSTD_isError(left)) return {input.pos, output.pos, nullptr};
    const bool window = ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge;
    return {input.pos, output.pos, window ? kWindow : kCorrupt};
  }

  ZSTD_DCtx* context;
  std::array<char, 18> header{};
  std::size_t have = 0;
  bool begun = false;
};

Decompressor::Decompressor(ContentCoding coding) {
  switch (coding) {
    case ContentCoding::kGzip: codec_ = std::make_unique<Inflate>(15 + 16); break;
    case ContentCoding::kDeflate: codec_ = std::make_unique<Inflate>(15); break;
    case ContentCoding::kBrotli: codec_ = std::make_unique<Brotli>(); break;
    default: codec_ = std::make_unique<Zstd>(); break;
  }
}

Decompressor::~Decompressor() = default;

Decompressor::Step Decompressor::decode(std::string_view packed, char* out, std::size_t room) {
  Step step;
  if (!done_) step = codec_->decode(packed, out, room, done_);
  consumed_ += step.consumed;
  produced_ += step.produced;
  if (step.error) return step;
  if (done_ && step.consumed < packed.size()) {
    step.error = "bytes behind the end of the packed body";
  } else if (produced_ > kFreeOutput && produced_ / kMostRatio > consumed_) {
    step.error = "the body unpacks to more than 100 times its size";
  } else if (step.consumed == 0 && step.produced == 0 && !packed.empty() && room > 0) {
    step.error = kCorrupt;
  }
  return step;
}

}  // namespace tollgate::net
