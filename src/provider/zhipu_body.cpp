// What the fourth version of Zhipu's API takes differently: stop as a list, images without their data: prefix.
#include "provider/body_rules.h"

namespace tollgate::provider {
namespace {

std::string_view text_of(std::string_view body, core::JsonSpan span) { return body.substr(span.begin, span.size()); }

// The value of a member of the object at `span`, as a span of the whole body.
std::optional<core::JsonSpan> member(std::string_view body, core::JsonSpan span, std::string_view name) {
  auto members = core::scan_object(body, span.begin);
  if (!members) return std::nullopt;
  for (const auto& one : *members)
    if (core::json_string_equals(text_of(body, one.key), name)) return one.value;
  return std::nullopt;
}

void bare_image(BodyEdit& edit, core::JsonSpan part) {
  auto image = member(edit.body, part, "image_url");
  if (!image) return;
  auto url = text_of(edit.body, *image).starts_with('{') ? member(edit.body, *image, "url") : image;
  if (!url) return;
  auto text = text_of(edit.body, *url);
  if (!text.starts_with("\"data:image/")) return;
  auto comma = text.find(',');
  if (comma == std::string_view::npos) return;
  edit.editor.replace({url->begin + 1, url->begin + comma + 1}, "");
}

void bare_images(BodyEdit& edit) {
  const auto* members = edit.editor.members();
  if (!members) return;
  for (const auto& one : *members) {
    if (!core::json_string_equals(text_of(edit.body, one.key), "messages")) continue;
    auto messages = core::scan_array(edit.body, one.value.begin);
    if (!messages) return;
    for (auto message : *messages) {
      auto content = member(edit.body, message, "content");
      if (!content || !text_of(edit.body, *content).starts_with('[')) continue;
      auto parts = core::scan_array(edit.body, content->begin);
      if (!parts) continue;
      for (auto part : *parts) bare_image(edit, part);
    }
  }
}

}  // namespace

void zhipu_body(BodyEdit& edit) {
  if (edit.route != dialect::OpenAiRoute::kChatCompletions) return;
  only_max_tokens(edit);
  clamp_top_p(edit, "0.99");
  if (auto stop = edit.raw("stop"); stop && stop->starts_with('"'))
    edit.editor.set("stop", "[" + std::string(*stop) + "]");
  if (edit.body.find("data:image/") != std::string_view::npos) bare_images(edit);
}

}  // namespace tollgate::provider
