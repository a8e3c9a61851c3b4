#include "dialect/openai_request.h"

#include <simdjson.h>

#include <algorithm>
#include <utility>

#include "dialect/client_json.h"
#include "dialect/go_text.h"
#include "dialect/governed.h"
#include "dialect/request_readers.h"

namespace tollgate::dialect {
namespace {

namespace dom = simdjson::dom;
using core::Errc;

constexpr std::int64_t kMostTokens = 1'073'741'823;

core::Error invalid(std::string text) { return core::error(Errc::kInvalid, std::move(text)); }

bool is_data_url(std::string_view text) { return text.starts_with("data:"); }

// Base64 payloads of image, audio and file parts, so that the bound by body size does not count them as text.
std::int64_t media_bytes(const dom::array& messages, std::int64_t& files) {
  std::int64_t bytes = 0;
  for (auto message : messages) {
    dom::array parts;
    if (message["content"].get_array().get(parts) != simdjson::SUCCESS) continue;
    for (auto part : parts) {
      std::string_view type;
      if (part["type"].get_string().get(type) == simdjson::SUCCESS && type != "text") ++files;
      for (auto path : {"/image_url/url", "/input_audio/data", "/file/file_data", "/image_url", "/video_url/url"}) {
        std::string_view text;
        if (part.at_pointer(path).get_string().get(text) != simdjson::SUCCESS) continue;
        if (is_data_url(text) || std::string_view(path) != "/image_url/url")
          bytes += static_cast<std::int64_t>(text.size());
      }
    }
  }
  return bytes;
}

// Reads the members of one body; the first rule that is broken stays.
class Reader {
 public:
  explicit Reader(OpenAiRoute route) : route_(route) {}

  core::Result<OpenAiRequest> read(const dom::object& object) {
    auto read = each_request_member(object, request_,
                                    [this](std::string_view key, const dom::element& value) { member(key, value); });
    if (!read) return read.error();
    whole();
    return std::move(request_);
  }

 private:
  // One switch on the first letter keeps the loop over long bodies cheap.
  void member(std::string_view key, const dom::element& value) {
    switch (key.empty() ? '\0' : key[0]) {
      case 'b':
        if (key == "best_of") choices(key, value);
        break;
      case 'i':
        if (key == "input") has_input_ = true;
        break;
      case 'm':
        if (key == "messages") messages(value);
        if (key == "max_tokens" || key == "max_completion_tokens")
          if (auto tokens = count(key, value, kMostTokens))
            request_.max_output_tokens = std::max(request_.max_output_tokens, *tokens);
        break;
      case 'n':
        if (key == "n") choices(key, value);
        break;
      case 'p':
        if (key == "prompt") {
          auto text = text_of(value);
          prompt_empty_ = text && text->empty();
        }
        if (key == "prefix") has_prefix_or_suffix_ = true;
        break;
      case 's':
        if (key == "stream" && value.get_bool().get(request_.stream) != simdjson::SUCCESS)
          broken("stream must be a boolean");
        if (key == "stream_options") stream_options(value);
        if (key == "service_tier" || key == "store" || key == "safety_identifier") request_.filtered_members = true;
        if (key == "suffix") has_prefix_or_suffix_ = true;
        break;
      case 't':
        if (key == "tools" && !value.is_array()) broken("tools must be an array");
        break;
      case 'w':
        if (key == "web_search_options") {
          auto text = text_of(value["search_context_size"]);
          if (text && !text->empty() && *text != "high" && *text != "medium" && *text != "low")
            broken("invalid search_context_size, must be one of: high, medium, low");
        }
        break;
      default: break;
    }
  }

  void broken(std::string text) { dialect::broken(request_, std::move(text)); }

  std::optional<std::int64_t> count(std::string_view key, const dom::element& value, std::int64_t most) {
    return count_of(request_, key, value, most);
  }

  void choices(std::string_view key, const dom::element& value) {
    if (auto number = count(key, value, kMostChoices)) request_.choices = std::max(request_.choices, *number);
  }

  void messages(const dom::element& value) {
    dom::array list;
    if (value.get_array().get(list) != simdjson::SUCCESS) return broken("messages must be an array");
    has_messages_ = list.size() > 0;
    for (auto message : list)
      if (!message.is_object()) return broken("each message must be an object");
    request_.inline_media_bytes = media_bytes(list, request_.files);
  }

  void stream_options(const dom::element& value) {
    dom::object options;
    if (value.get_object().get(options) != simdjson::SUCCESS) return broken("stream_options must be an object");
    request_.include_usage = IncludeUsage::kFalse;
    bool seen = false;
    for (auto [key, option] : options) {
      if (key != "include_usage") continue;
      if (std::exchange(seen, true)) return broken("duplicate member \"include_usage\"");
      bool include = false;
      if (option.get_bool().get(include) == simdjson::SUCCESS && include) request_.include_usage = IncludeUsage::kTrue;
    }
  }

  // Rules that need more than one member.
  void whole() {
    switch (route_) {
      case OpenAiRoute::kChatCompletions:
        if (!has_messages_ && !has_prefix_or_suffix_) broken("field messages is required");
        break;
      case OpenAiRoute::kCompletions:
        if (prompt_empty_) broken("field prompt is required");
        break;
      case OpenAiRoute::kEmbeddings:
        if (!has_input_) broken("input is empty");
        request_.stream = false;
        request_.max_output_tokens = 0;
        request_.choices = 1;
        break;
      default: break;
    }
  }

  OpenAiRoute route_;
  OpenAiRequest request_;
  bool has_messages_ = false;
  bool has_prefix_or_suffix_ = false;
  bool prompt_empty_ = false;
  bool has_input_ = false;
};

core::Result<OpenAiRequest> read_body(OpenAiRoute route, const dom::object& body) {
  switch (route) {
    case OpenAiRoute::kModerations: return read_moderation_request(body);
    case OpenAiRoute::kImages:
    case OpenAiRoute::kImageEdits: return read_image_request(body);
    case OpenAiRoute::kSpeech: return read_speech_request(body);
    case OpenAiRoute::kRerank: return read_rerank_request(body);
    default: return Reader(route).read(body);
  }
}

}  // namespace

core::Result<OpenAiRequest> read_openai_request(OpenAiRoute route, std::string_view body) {
  std::string respelled;
  {
    ClientJson json(body);
    if (!json.fault().empty()) return invalid(json.fault());
    auto changes = check_governed(json.object());
    if (!changes) return changes.error();
    if (changes->empty()) return read_body(route, json.object());
    respelled = respell(body, *changes);
  }
  auto size = respelled.size();
  respelled.append(64, '\0');
  auto request = read_openai_request(route, {respelled.data(), size});
  if (request) request->respelled = std::move(respelled);
  return request;
}

namespace {

std::string_view string_at(const dom::element& value, std::string_view pointer) {
  std::string_view text;
  return value.at_pointer(pointer).get_string().get(text) == simdjson::SUCCESS ? text : std::string_view();
}

// What the estimate counts as a file: audio with data and format, files with name and data, videos by their address.
std::optional<PromptFile> file_of(std::string_view type, const dom::element& part) {
  using billing::MediaKind;
  if (type == "image_url") {
    const auto whole = string_at(part, "/image_url");
    return PromptFile{MediaKind::kImage, whole.empty() ? string_at(part, "/image_url/url") : whole,
                      string_at(part, "/image_url/detail")};
  }
  if (type == "input_audio" && !string_at(part, "/input_audio/data").empty() &&
      !string_at(part, "/input_audio/format").empty())
    return PromptFile{.kind = MediaKind::kAudio};
  if (type == "file" && !string_at(part, "/file/filename").empty())
    if (auto data = string_at(part, "/file/file_data"); !data.empty()) return PromptFile{MediaKind::kFile, data};
  if (type == "video_url")
    if (auto url = string_at(part, "/video_url"); !url.empty()) return PromptFile{MediaKind::kVideo, url};
  return std::nullopt;
}

void visit_message(const dom::element& message, PromptParts& parts, const std::function<void(std::string_view)>& text,
                   const std::function<void(const PromptFile&)>& file) {
  std::string_view field;
  text(message["role"].get_string().get(field) == simdjson::SUCCESS ? field : std::string_view());
  parts.extra_tokens += 3;
  dom::element content;
  if (message["content"].get(content) != simdjson::SUCCESS || content.is_null()) return;
  if (message["name"].get_string().get(field) == simdjson::SUCCESS && !field.empty()) {
    text(field);
    parts.extra_tokens += 3;
  }
  if (auto whole = text_of(content)) return text(*whole);
  dom::array list;
  if (content.get_array().get(list) != simdjson::SUCCESS) return;
  for (auto part : list) {
    std::string_view type;
    if (part["type"].get_string().get(type) != simdjson::SUCCESS) continue;
    if (type == "text") {
      if (part["text"].get_string().get(field) == simdjson::SUCCESS) text(field);
    } else if (file) {
      if (auto found = file_of(type, part)) file(*found);
    }
  }
}

}  // namespace

PromptParts visit_prompt(OpenAiRoute route, std::string_view body, const std::function<void(std::string_view)>& text,
                         const std::function<void(const PromptFile&)>& file) {
  PromptParts parts;
  ClientJson json(body);
  if (!json.fault().empty()) return parts;
  auto document = json.object();
  dom::element value;
  switch (route) {
    case OpenAiRoute::kEmbeddings:
      if (document["input"].get(value) == simdjson::SUCCESS) visit_strings(value, text);
      return parts;
    case OpenAiRoute::kSpeech:
      if (auto input = text_of(document["input"])) text(*input);
      return parts;
    case OpenAiRoute::kImages:
    case OpenAiRoute::kImageEdits:
      if (auto prompt = text_of(document["prompt"])) text(*prompt);
      return parts;
    case OpenAiRoute::kRerank: visit_rerank_prompt(document, text); return parts;
    default: break;
  }
  if (document["prompt"].get(value) == simdjson::SUCCESS) visit_strings(value, text);
  if (document["input"].get(value) == simdjson::SUCCESS) visit_strings(value, text);
  dom::array messages;
  if (document["messages"].get_array().get(messages) == simdjson::SUCCESS)
    for (auto message : messages) visit_message(message, parts, text, file);
  dom::array tools;
  if (document["tools"].get_array().get(tools) == simdjson::SUCCESS) {
    for (auto tool : tools) {
      parts.extra_tokens += 8;
      std::string_view field;
      if (tool["function"]["name"].get_string().get(field) == simdjson::SUCCESS) text(field);
      if (tool["function"]["description"].get_string().get(field) == simdjson::SUCCESS && !field.empty()) text(field);
      dom::element parameters;
      if (tool["function"]["parameters"].get(parameters) == simdjson::SUCCESS) {
        std::string printed;
        append_go_text(parameters, printed);
        text(printed);
      }
    }
  }
  parts.extra_tokens += 3;
  return parts;
}

}  // namespace tollgate::dialect
