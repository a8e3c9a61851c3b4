#include "net/multipart_writer.h"

#include <algorithm>
#include <stdexcept>

#include "core/random.h"

namespace tollgate::net {
namespace {

void check(const FormContent& part) {
  const auto& head = part.head;
  if (!is_form_name(head.name)) throw std::invalid_argument("form part: bad name");
  if (!is_part_content_type(head.content_type)) throw std::invalid_argument("form part: bad content type");
  if (head.is_file && (head.file_name.size() > kMaxFormName || safe_file_name(head.file_name) != head.file_name))
    throw std::invalid_argument("form part: bad file name");
  if (part.stored > 0 && !part.bytes.empty()) throw std::invalid_argument("form part: two contents");
}

std::string head_of(const FormPart& part) {
  std::string text = "Content-Disposition: form-data; name=\"" + part.name + '"';
  if (part.is_file) text += "; filename=\"" + part.file_name + '"';
  if (!part.content_type.empty()) {
    text += "\r\nContent-Type: " + part.content_type;
  } else if (part.is_file) {
    text += "\r\nContent-Type: application/octet-stream";
  }
  return text + "\r\n\r\n";
}

}  // namespace

std::string random_form_boundary() { return core::random_alphanumeric(40); }

MultipartForm::MultipartForm(std::span<const FormContent> parts, const std::function<std::string()>& draw_boundary) {
  std::vector<std::string> heads;
  heads.reserve(parts.size());
  for (const auto& part : parts) {
    check(part);
    heads.push_back(head_of(part.head));
  }
  std::string boundary;
  do boundary = draw_boundary();
  while (std::ranges::any_of(heads, [&](const auto& head) { return head.find(boundary) != std::string::npos; }));
  content_type_ = "multipart/form-data; boundary=" + boundary;

  std::size_t frame_size = boundary.size() + 8;
  for (const auto& head : heads) frame_size += head.size() + boundary.size() + 6;
  frame_.reserve(frame_size);  // the pieces are views into it: it must not move
  auto add_frame = [&](std::string_view line_end, std::string_view text) {
    const auto from = frame_.size();
    frame_.append(line_end).append("--").append(boundary).append(text);
    pieces_.push_back({.text = std::string_view(frame_).substr(from), .size = frame_.size() - from});
  };
  pieces_.reserve(2 * parts.size() + 1);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    add_frame(i == 0 ? "" : "\r\n", "\r\n" + heads[i]);
    if (parts[i].stored > 0) {
      pieces_.push_back({.stored_part = i, .size = parts[i].stored});
    } else if (!parts[i].bytes.empty()) {
      pieces_.push_back({.text = parts[i].bytes, .size = parts[i].bytes.size()});
    }
  }
  add_frame(parts.empty() ? "" : "\r\n", "--\r\n");
  for (const auto& piece : pieces_) size_ += piece.size;
}

}  // namespace tollgate::net
