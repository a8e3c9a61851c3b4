// Reading and writing whole forms, for tests.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/multipart_reader.h"
#include "net/multipart_writer.h"

namespace tollgate::test {

struct ReadPart {
  net::FormPart head;
  std::string bytes;
  bool whole = false;
  bool operator==(const ReadPart& other) const {
    return head.name == other.head.name && head.is_file == other.head.is_file &&
           head.file_name == other.head.file_name && head.content_type == other.head.content_type &&
           bytes == other.bytes && whole == other.whole;
  }
};

struct ReadForm {
  std::vector<ReadPart> parts;
  std::string refusal;
  bool operator==(const ReadForm&) const = default;
};

// `next` gives the pieces, an empty one is the end.
template <typename Next>
ReadForm read_form_in_pieces(std::string_view boundary, Next next) {
  ReadForm form;
  net::MultipartReader reader(boundary);
  for (std::string piece = next(); !piece.empty(); piece = next()) {
    // On the heap and gone after each turn: a view kept too long would show.
    const std::vector<char> bytes(piece.begin(), piece.end());
    reader.feed({bytes.data(), bytes.size()});
    for (bool more = true; more;) switch (reader.next()) {
        case net::FormEvent::kPart: form.parts.push_back({reader.part()}); break;
        case net::FormEvent::kBytes: form.parts.back().bytes += reader.bytes(); break;
        case net::FormEvent::kPartEnd: form.parts.back().whole = true; break;
        default: more = false;
      }
  }
  if (const char* why = reader.finish()) form.refusal = why;
  return form;
}

inline ReadForm read_form(std::string_view boundary, std::string_view body) {
  return read_form_in_pieces(boundary, [&] { return std::string(std::exchange(body, {})); });
}

// A form with these parts, those with an odd index as if they were stored elsewhere.
inline std::pair<std::string, std::string> written(const std::vector<ReadPart>& parts) {
  std::vector<net::FormContent> contents;
  for (const auto& part : parts) {
    const bool stored = contents.size() % 2 == 1;
    contents.push_back({part.head, stored ? std::string_view() : part.bytes, stored ? part.bytes.size() : 0});
  }
  const net::MultipartForm form(contents);
  std::string body;
  for (const auto& piece : form.pieces())
    body += piece.stored_part == net::FormPiece::kInMemory ? piece.text : parts[piece.stored_part].bytes;
  return {form.content_type(), body};
}

}  // namespace tollgate::test
