// Forms for upstreams, built anew from their parts (multipart_reader.h says why).
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/multipart_reader.h"

namespace tollgate::net {

// A part and where its bytes are: in memory, or, with `stored` above zero, that many bytes somewhere else.
struct FormContent {
  FormPart head;  // a file without a type is sent as application/octet-stream
  std::string_view bytes;
  std::uint64_t stored = 0;
};

// The next bytes of the body: text in memory, or all the stored bytes of a part.
struct FormPiece {
  static constexpr std::size_t kInMemory = ~std::size_t{0};
  std::string_view text;
  std::size_t stored_part = kInMemory;  // index into the parts the form was built from
  std::uint64_t size = 0;
};

std::string random_form_boundary();  // no content can foresee it

// A form ready to be sent, any number of times: its pieces in order, their sizes adding up to size(). The parts and
// their bytes are the caller's and must outlive it; files are neither opened nor read here.
class MultipartForm {
 public:
  // Draws boundaries until one stands in no part's head. Throws std::invalid_argument when a name, file name or type is
  // none that MultipartReader would give, or a part has bytes of both kinds: texts from elsewhere are checked by the
  // caller.
  explicit MultipartForm(std::span<const FormContent> parts,
                         const std::function<std::string()>& draw_boundary = random_form_boundary);
  MultipartForm(const MultipartForm&) = delete;
  MultipartForm& operator=(const MultipartForm&) = delete;

  const std::string& content_type() const { return content_type_; }
  std::uint64_t size() const { return size_; }
  std::span<const FormPiece> pieces() const { return pieces_; }

 private:
  std::string content_type_;
  std::string frame_;  // all that is not a part's bytes
  std::vector<FormPiece> pieces_;
  std::uint64_t size_ = 0;
};

}  // namespace tollgate::net
