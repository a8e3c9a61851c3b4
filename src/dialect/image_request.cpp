// POST /v1/images/generations, and /v1/images/edits as JSON: what decides the price of a picture (OpenAI API, Images).
#include "dialect/request_readers.h"

namespace tollgate::dialect {
namespace {

constexpr std::int64_t kOutputBound = 1584;  // tokens that are set aside for a picture

bool one_of(std::string_view size, std::initializer_list<std::string_view> sizes) {
  for (auto known : sizes)
    if (size == known) return true;
  return false;
}

// What the provider takes where the client says nothing.
void apply_model_rules(OpenAiRequest& request) {
  auto& image = *request.image;
  const auto& model = request.model;
  if (image.size.find("×") != std::string::npos)
    return broken(request,
                  "size an unexpected error occurred in the parameter, please use 'x' instead of the multiplication "
                  "sign '×'");
  if (model == "dall-e-2" || model == "dall-e") {
    if (!one_of(image.size, {"", "256x256", "512x512", "1024x1024"}))
      return broken(request, "size must be one of 256x256, 512x512, or 1024x1024 for dall-e-2 or dall-e");
    if (image.size.empty()) image.size = "1024x1024";
  } else if (model == "dall-e-3") {
    if (!one_of(image.size, {"", "1024x1024", "1024x1792", "1792x1024"}))
      return broken(request, "size must be one of 1024x1024, 1024x1792 or 1792x1024 for dall-e-3");
    if (image.quality.empty()) image.quality = "standard";
    if (image.size.empty()) image.size = "1024x1024";
  } else if (model == "gpt-image-1") {
    if (image.quality.empty()) image.quality = "auto";
  }
}

void add_picture(OpenAiRequest& request, const simdjson::dom::element& picture) {
  auto url = text_of(picture["image_url"]);
  if (url && url->starts_with("data:")) request.inline_media_bytes += static_cast<std::int64_t>(url->size());
}

}  // namespace

core::Result<OpenAiRequest> read_image_request(const simdjson::dom::object& body) {
  OpenAiRequest request;
  auto& image = request.image.emplace();
  auto read = each_request_member(body, request, [&](std::string_view key, const simdjson::dom::element& value) {
    if (key == "n") {
      if (auto n = count_of(request, key, value, kMostChoices); n && *n != 0) image.n = *n;
    } else if (key == "size") {
      image.size = string_member(request, key, value);
    } else if (key == "quality") {
      image.quality = string_member(request, key, value);
    } else if (key == "stream") {
      if (value.get_bool().get(request.stream) != simdjson::SUCCESS) broken(request, "stream must be a boolean");
    } else if (key == "image") {
      // Reference pictures of some providers, as data URLs.
      visit_strings(value, [&](std::string_view text) {
        if (text.starts_with("data:")) request.inline_media_bytes += static_cast<std::int64_t>(text.size());
      });
    } else if (key == "images" || key == "mask") {
      // Of edits: an object a picture.
      simdjson::dom::array list;
      if (value.get_array().get(list) != simdjson::SUCCESS) return add_picture(request, value);
      for (auto picture : list) add_picture(request, picture);
    }
  });
  if (!read) return read.error();
  request.max_output_tokens = kOutputBound;
  request.choices = image.n;
  if (request.model.empty()) request.broken_rule = "model is required";
  apply_model_rules(request);
  return request;
}

}  // namespace tollgate::dialect
