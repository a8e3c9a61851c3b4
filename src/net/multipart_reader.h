// Forms (multipart/form-data, RFC 7578 over RFC 2046 §5.1), read from bytes in any split. Strict where programs
// disagree: what a form says is decided here, and an upstream gets one built anew (multipart_writer.h), never these
// bytes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace tollgate::net {

constexpr std::size_t kMaxFormParts = 64;
constexpr std::size_t kMaxPartHeaders = 16;
constexpr std::size_t kMaxPartHead = 8 * 1024;
constexpr std::size_t kMaxFormValue = 1024 * 1024;
constexpr std::size_t kMaxFormName = 255;  // bytes of a part's name and of a file's name

// What stands at the head of a part. Every text may be written into a quoted header parameter as it is.
struct FormPart {
  std::string name;          // UTF-8, without controls, quotes and backslashes
  bool is_file = false;      // a file name was given, be it an empty one
  std::string file_name;     // of a file: see safe_file_name(); never empty
  std::string content_type;  // as declared, printable ASCII; empty when none was
};

bool is_form_name(std::string_view name);
bool is_part_content_type(std::string_view text);  // empty is one; multipart/… is none

// What stands behind the last slash or backslash, without controls and double quotes; bytes that are no UTF-8 become
// "_". "file" when nothing is left or a directory is named. Idempotent. The length is not looked at.
std::string safe_file_name(std::string_view name);

bool is_form(std::string_view content_type);  // multipart/form-data, in any case, with any parameters

// The boundary that a Content-Type names: 1 to 70 characters of RFC 2046. kInvalid when it names none, or two.
core::Result<std::string> form_boundary(std::string_view content_type);

enum class FormEvent {
  kMore,     // all bytes are used up: feed more, or finish()
  kPart,     // a part begins: part()
  kBytes,    // some of its bytes: bytes()
  kPartEnd,  // it was whole
  kEnd,      // the closing delimiter; what follows is ignored
  kRefused,  // not a form, or over a limit: refusal(); nothing comes after that
};

// Feed bytes, then take events until kMore. Holds the piece of a head or delimiter that is not complete yet (8 KiB at
// most) and nothing of a part's bytes, which are views into what was fed. The verdict and the parts do not depend on
// the split.
class MultipartReader {
 public:
  explicit MultipartReader(std::string_view boundary);  // of form_boundary()

  void feed(std::string_view bytes);  // they must live until next() has returned kMore
  FormEvent next();
  // At the end of the body: nullptr, or what is wrong with it.
  const char* finish();

  const FormPart& part() const { return part_; }          // until the next kPart
  std::string_view bytes() const { return bytes_; }       // until the next call of next() or feed()
  const char* refusal() const { return refusal_; }        // one line for a 400; nullptr when not refused
  void allow_long_value() { value_limit_ = kUnlimited; }  // after kPart: a prompt may be as long as the body

 private:
  enum class State { kBytes, kBehindDelimiter, kDash, kPadding, kLineEnd, kHead, kDone, kRefused };
  static constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

  FormEvent refuse(const char* why);
  bool search(std::string_view& found);  // true: `found` are bytes of the part; false: a delimiter, or the input's end
  bool pass_delimiter_end();             // false: more bytes are needed, or refused
  bool take_line(std::string_view& line);
  bool handle_header(std::string_view line);
  bool handle_disposition(std::string_view value);
  bool begin_part();
  void begin_bytes();

  std::string delimiter_;  // CR LF "--" boundary
  std::string_view input_;
  State state_ = State::kBytes;
  std::size_t matched_ = 0;  // bytes of the delimiter at the end of what was fed
  std::size_t implied_ = 0;  // so many of them belong to a line end that was taken already
  bool in_part_ = false;
  std::string carry_;  // the start of a head line that is not complete
  std::size_t head_bytes_ = 0;
  std::size_t headers_ = 0;
  std::size_t parts_ = 0;
  bool has_disposition_ = false;
  bool has_content_type_ = false;
  std::uint64_t part_bytes_ = 0;
  std::uint64_t value_limit_ = kMaxFormValue;
  FormPart part_;
  std::string_view bytes_;
  const char* refusal_ = nullptr;
};

}  // namespace tollgate::net
