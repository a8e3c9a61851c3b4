#include "tasks/form_fields.h"

#include <vector>

#include "net/multipart_reader.h"

namespace tollgate::tasks {
namespace {

struct Part {
  net::FormPart head;
  std::string bytes;
};

core::Result<std::vector<Part>> parts_of(std::string_view content_type, std::string_view body) {
  auto boundary = net::form_boundary(content_type);
  if (!boundary) return boundary.error();
  net::MultipartReader reader(*boundary);
  std::vector<Part> parts;
  reader.feed(body);
  for (;;) {
    switch (reader.next()) {
      case net::FormEvent::kPart:
        parts.push_back({reader.part(), {}});
        reader.allow_long_value();
        break;
      case net::FormEvent::kBytes: parts.back().bytes += reader.bytes(); break;
      case net::FormEvent::kPartEnd: break;
      case net::FormEvent::kRefused: return core::error(core::Errc::kInvalid, reader.refusal());
      case net::FormEvent::kMore:
      case net::FormEvent::kEnd:
        if (const char* wrong = reader.finish()) return core::error(core::Errc::kInvalid, wrong);
        return parts;
    }
  }
}

}  // namespace

std::optional<std::string> form_text(std::string_view content_type, std::string_view body, std::string_view name) {
  auto parts = parts_of(content_type, body);
  if (!parts) return std::nullopt;
  for (auto& part : *parts)
    if (part.head.name == name && !part.head.is_file) return std::move(part.bytes);
  return std::nullopt;
}

core::Result<BuiltForm> with_model(std::string_view content_type, std::string_view body, std::string_view model) {
  auto parts = parts_of(content_type, body);
  if (!parts) return parts.error();
  std::vector<net::FormContent> contents;
  for (auto& part : *parts) {
    if (part.head.name == "model" && !part.head.is_file) part.bytes = model;
    contents.push_back({part.head, part.bytes, 0});
  }
  net::MultipartForm form(contents);
  BuiltForm built{form.content_type(), {}};
  built.body.reserve(form.size());
  for (const auto& piece : form.pieces()) built.body += piece.text;
  return built;
}

}  // namespace tollgate::tasks
