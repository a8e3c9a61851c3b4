#include "dialect/form_request.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>

#include "core/ascii.h"
#include "dialect/governed.h"
#include "dialect/request_readers.h"

namespace tollgate::dialect {
namespace {

constexpr std::int64_t kPictureBound = 1584;  // tokens that are set aside for a picture

constexpr std::string_view kAudioTypes[] = {"application/ogg", "video/mp4", "video/mpeg", "video/ogg", "video/webm"};
constexpr std::string_view kImageTypes[] = {"image/gif", "image/heic", "image/jpeg", "image/png", "image/webp"};
constexpr std::string_view kTextTypes[] = {"application/json", "text/plain"};

// The type without its parameters.
std::string essence(std::string_view type) {
  auto text = core::ascii_lower(type.substr(0, type.find(';')));
  while (text.ends_with(' ') || text.ends_with('\t')) text.pop_back();
  return text;
}

std::string_view image_type(std::string_view file_name) {
  auto dot = file_name.rfind('.');
  auto extension = dot == std::string_view::npos ? std::string() : core::ascii_lower(file_name.substr(dot + 1));
  if (extension == "webp") return "image/webp";
  return extension.starts_with("jp") ? "image/jpeg" : "image/png";
}

// A type that is not one of the route's might be read as something else by the upstream.
void check_type(OpenAiRoute route, FormField& field) {
  auto& type = *field.content_type;
  auto declared = essence(type);
  auto listed = [&](const auto& types) { return std::ranges::find(types, declared) != std::end(types); };
  if (field.text) {
    if (!listed(kTextTypes)) type.clear();
  } else if (route == OpenAiRoute::kImageEdits) {
    // The upstream refuses pictures without a type.
    if (!listed(kImageTypes)) type = image_type(field.file_name);
  } else if (!listed(kAudioTypes) && !declared.starts_with("audio/")) {
    type = "application/octet-stream";
  }
}

void read_count(OpenAiRequest& request, const std::string& text) {
  std::int64_t number = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || end != text.data() + text.size() || (text.size() > 1 && text[0] == '0') || text[0] == '-')
    return broken(request, "n must be an integer");
  if (fault != std::errc() || number > kMostChoices) return broken(request, "n is invalid");
  if (number > 0) request.image->n = request.choices = number;
}

void read_stream(OpenAiRequest& request, std::string& text) {
  text = core::ascii_lower(text);
  request.stream = text == "true";
  if (!request.stream && text != "false") broken(request, "stream must be true or false");
}

bool is_image(const FormField& field) { return *field.name == "image" || field.name->starts_with("image["); }

}  // namespace

core::Result<OpenAiRequest> read_form_request(OpenAiRoute route, std::vector<FormField>& fields) {
  GovernedNames names;
  for (const auto& field : fields)
    if (!names.add(*field.name)) return duplicate_member(*field.name);
  auto changes = names.changes();
  if (!changes) return changes.error();
  for (const auto& rename : changes->renames) *fields[rename.member].name = rename.name;
  for (auto member : changes->removed) fields[member].removed = true;

  OpenAiRequest request;
  const bool edits = route == OpenAiRoute::kImageEdits;
  bool has_file = false;
  if (edits) request.image.emplace();
  for (auto& field : fields) {
    if (field.removed) continue;
    check_type(route, field);
    const auto& name = *field.name;
    if (!field.text) {
      has_file = has_file || (edits ? is_image(field) : name == "file");
      if (name == "model" || name == "stream" || name == "n")
        return core::error(core::Errc::kInvalid, "the field " + name + " must not be a file");
      continue;
    }
    auto& text = *field.text;
    if (name == "model") {
      if (!simdjson::validate_utf8(text)) return core::error(core::Errc::kInvalid, "model must be UTF-8");
      request.model = text;
    } else if (name == "stream") {
      read_stream(request, text);
    } else if (edits && name == "n") {
      read_count(request, text);
    } else if (edits && name == "size") {
      request.image->size = text;
    } else if (edits && name == "quality") {
      request.image->quality = text;
    } else if (!edits && name == "response_format" && text.empty()) {
      text = "json";
    }
  }
  if (request.model.empty()) broken(request, "model is required");
  if (!has_file) broken(request, edits ? "image is required" : "file is required");
  if (!edits) return request;
  request.max_output_tokens = kPictureBound;
  if (request.model == "gpt-image-1" && request.image->quality.empty()) request.image->quality = "standard";
  return request;
}

}  // namespace tollgate::dialect
