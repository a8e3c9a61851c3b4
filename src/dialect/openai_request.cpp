#include "dialect/openai_request.h"

#include <simdjson.h>

#include <charconv>
#include <memory>

#include "core/json_edit.h"

namespace tollgate::dialect {
namespace {

namespace dom = simdjson::dom;
using core::Errc;

constexpr std::int64_t kMostTokens = 1'073'741'823;
constexpr std::size_t kKeptParser = 1U << 20U;

core::Error invalid(std::string text) { return core::error(Errc::kInvalid, std::move(text)); }

// One parser a thread; one that grew over a large body is not kept.
class Parser {
 public:
  simdjson::simdjson_result<dom::element> parse(std::string_view text) {
    auto& parser = instance();
    if (!parser) parser = std::make_unique<dom::parser>();
    return parser->parse(text.data(), text.size(), false);
  }
  ~Parser() {
    auto& parser = instance();
    if (parser && parser->capacity() > kKeptParser) parser.reset();
  }

 private:
  static std::unique_ptr<dom::parser>& instance() {
    thread_local std::unique_ptr<dom::parser> parser;
    return parser;
  }
};

// What a JSON number says as an integer; fractions are cut, other kinds are nullopt.
std::optional<std::int64_t> integer(const dom::element& value) {
  switch (value.type()) {
    case dom::element_type::INT64: return value.get_int64().value_unsafe();
    case dom::element_type::UINT64: return INT64_MAX;
    case dom::element_type::DOUBLE: {
      double number = value.get_double().value_unsafe();
      if (number > 9e18) return INT64_MAX;
      if (number < -9e18) return INT64_MIN;
      return static_cast<std::int64_t>(number);
    }
    default: return std::nullopt;
  }
}

std::optional<std::string_view> text_of(const dom::element& value) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

bool is_data_url(std::string_view text) { return text.starts_with("data:"); }

// Base64 payloads of image, audio and file parts, so that the bound by body size does not count them as text.
std::int64_t media_bytes(const dom::array& messages) {
  std::int64_t bytes = 0;
  for (auto message : messages) {
    dom::array parts;
    if (message["content"].get_array().get(parts) != simdjson::SUCCESS) continue;
    for (auto part : parts) {
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

core::Result<OpenAiRequest> from_object(OpenAiRoute route, const dom::object& object) {
  OpenAiRequest request;
  auto broken = [&](std::string text) {
    if (request.broken_rule.empty()) request.broken_rule = std::move(text);
  };
  int models = 0;
  bool has_messages = false;
  bool has_prefix_or_suffix = false;
  bool prompt_empty = false;
  bool has_input = false;
  for (auto [key, value] : object) {
    // One switch on the first letter keeps the loop over long bodies cheap.
    switch (key.empty() ? '\0' : key[0]) {
      case 'm':
        if (key == "model") {
          if (++models > 1) return invalid("the body has more than one member named model");
          if (value.is_null()) break;
          auto text = text_of(value);
          if (!text) return invalid("model must be a string");
          request.model = *text;
        } else if (key == "messages") {
          if (value.is_null()) break;
          dom::array messages;
          if (value.get_array().get(messages) != simdjson::SUCCESS) {
            broken("messages must be an array");
            break;
          }
          has_messages = messages.size() > 0;
          for (auto message : messages)
            if (!message.is_object()) broken("each message must be an object");
          if (request.broken_rule.empty()) request.inline_media_bytes = media_bytes(messages);
        } else if (key == "max_tokens" || key == "max_completion_tokens") {
          if (value.is_null()) break;
          auto number = integer(value);
          if (!number) {
            broken(std::string(key) + " must be a number");
            break;
          }
          if (*number > kMostTokens || (*number < 0 && key == "max_tokens")) broken("max_tokens is invalid");
          request.max_output_tokens = std::max(request.max_output_tokens, *number);
        }
        break;
      case 's':
        if (key == "stream") {
          if (value.is_null()) break;
          bool stream;
          if (value.get_bool().get(stream) != simdjson::SUCCESS) {
            broken("stream must be a boolean");
            break;
          }
          request.stream = stream;
        } else if (key == "stream_options") {
          if (value.is_null()) break;
          if (!value.is_object()) {
            broken("stream_options must be an object");
            break;
          }
          bool include = false;
          auto found = value["include_usage"];
          request.include_usage = found.get_bool().get(include) == simdjson::SUCCESS && include ? IncludeUsage::kTrue
                                                                                                : IncludeUsage::kFalse;
        } else if (key == "service_tier" || key == "store" || key == "safety_identifier") {
          request.filtered_members = true;
        } else if (key == "suffix") {
          has_prefix_or_suffix = has_prefix_or_suffix || !value.is_null();
        }
        break;
      case 'p':
        if (key == "prompt") {
          auto text = text_of(value);
          prompt_empty = text && text->empty();
        } else if (key == "prefix") {
          has_prefix_or_suffix = has_prefix_or_suffix || !value.is_null();
        }
        break;
      case 'i':
        if (key == "input") has_input = !value.is_null();
        break;
      case 'w':
        if (key == "web_search_options") {
          auto size = value["search_context_size"];
          std::string_view text;
          if (size.get_string().get(text) == simdjson::SUCCESS && !text.empty() && text != "high" && text != "medium" &&
              text != "low")
            broken("invalid search_context_size, must be one of: high, medium, low");
        }
        break;
      default: break;
    }
  }
  if (request.model.empty()) return request;  // the gate speaks of a missing model
  switch (route) {
    case OpenAiRoute::kChatCompletions:
      if (!has_messages && !has_prefix_or_suffix) broken("field messages is required");
      break;
    case OpenAiRoute::kCompletions:
      if (prompt_empty) broken("field prompt is required");
      break;
    case OpenAiRoute::kEmbeddings:
      if (!has_input) broken("input is empty");
      request.stream = false;
      request.max_output_tokens = 0;
      break;
  }
  return request;
}

// The parser keeps numbers in 64 bits; a body with a longer one is still JSON. It passes with its long numbers quoted
// in a copy that only we read.
std::string with_long_numbers_quoted(std::string_view body) {
  std::string out;
  out.reserve(body.size() + 128);
  bool in_string = false;
  for (std::size_t i = 0; i < body.size();) {
    char c = body[i];
    if (in_string) {
      out.push_back(c);
      if (c == '\\' && i + 1 < body.size()) out.push_back(body[++i]);
      if (c == '"') in_string = false;
      ++i;
      continue;
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
      auto end = i;
      while (end < body.size() && (std::isalnum(static_cast<unsigned char>(body[end])) || body[end] == '-' ||
                                   body[end] == '+' || body[end] == '.'))
        ++end;
      // Too long for 64 bits, or an exponent that leaves the range of a double.
      bool lengthy = end - i > 17 || body.substr(i, end - i).find_first_of("eE") != std::string_view::npos;
      if (lengthy) out.push_back('"');
      out.append(body.substr(i, end - i));
      if (lengthy) out.push_back('"');
      i = end;
      continue;
    }
    in_string = c == '"';
    out.push_back(c);
    ++i;
  }
  return out;
}

// The document owns its texts: it does not refer to the body or its copy.
simdjson::error_code parse_body(Parser& parser, std::string_view body, dom::element& document) {
  auto failure = parser.parse(body).get(document);
  if (failure == simdjson::NUMBER_ERROR && core::is_valid_json(body)) {
    auto copy = with_long_numbers_quoted(body);
    auto size = copy.size();
    copy.append(simdjson::SIMDJSON_PADDING, '\0');
    failure = parser.parse({copy.data(), size}).get(document);
  }
  return failure;
}

}  // namespace

core::Result<OpenAiRequest> read_openai_request(OpenAiRoute route, std::string_view body) {
  Parser parser;
  dom::element document;
  const auto failure = parse_body(parser, body, document);
  if (failure == simdjson::EMPTY) return invalid("unexpected end of JSON input");
  if (failure == simdjson::UTF8_ERROR) return invalid("the body is not UTF-8");
  if (failure == simdjson::DEPTH_ERROR) return invalid("the body is nested too deeply");
  if (failure) return invalid("the body is not valid JSON");
  dom::object object;
  if (document.get_object().get(object) != simdjson::SUCCESS) return invalid("the body must be a JSON object");
  return from_object(route, object);
}

namespace {

// Values without a text of their own count in the form in which they are printed: map[k:v], [a b], true.
void print(const dom::element& value, std::string& out) {
  switch (value.type()) {
    case dom::element_type::STRING: out += std::string_view(value.get_string().value_unsafe()); break;
    case dom::element_type::ARRAY: {
      out += '[';
      bool first = true;
      for (auto element : value.get_array().value_unsafe()) {
        if (!first) out += ' ';
        first = false;
        print(element, out);
      }
      out += ']';
      break;
    }
    case dom::element_type::OBJECT: {
      out += "map[";
      std::vector<std::pair<std::string_view, dom::element>> members;
      for (auto [key, member] : value.get_object().value_unsafe()) members.emplace_back(key, member);
      std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (i > 0) out += ' ';
        out += members[i].first;
        out += ':';
        print(members[i].second, out);
      }
      out += ']';
      break;
    }
    case dom::element_type::NULL_VALUE: out += "<nil>"; break;
    case dom::element_type::BOOL: out += value.get_bool().value_unsafe() ? "true" : "false"; break;
    case dom::element_type::INT64: out += std::to_string(value.get_int64().value_unsafe()); break;
    case dom::element_type::UINT64: out += std::to_string(value.get_uint64().value_unsafe()); break;
    case dom::element_type::DOUBLE: {
      char digits[40];
      auto [end, ec] = std::to_chars(digits, digits + sizeof digits, value.get_double().value_unsafe());
      out.append(digits, end);
      break;
    }
  }
}

void visit_strings(const dom::element& value, const std::function<void(std::string_view)>& text) {
  if (auto whole = text_of(value)) return text(*whole);
  dom::array list;
  if (value.get_array().get(list) != simdjson::SUCCESS) return;
  for (auto element : list)
    if (auto part = text_of(element)) text(*part);
}

void visit_message(const dom::element& message, PromptParts& parts, const std::function<void(std::string_view)>& text) {
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
    } else if (type == "image_url") {
      ++parts.images;
    } else if (type == "input_audio") {
      ++parts.audio;
    } else if (type == "file") {
      ++parts.files;
    } else if (type == "video_url") {
      ++parts.videos;
    }
  }
}

}  // namespace

PromptParts visit_prompt(OpenAiRoute route, std::string_view body, const std::function<void(std::string_view)>& text) {
  PromptParts parts;
  Parser parser;
  dom::element document;
  if (parse_body(parser, body, document) != simdjson::SUCCESS) return parts;
  dom::element value;
  if (route == OpenAiRoute::kEmbeddings) {
    if (document["input"].get(value) == simdjson::SUCCESS) visit_strings(value, text);
    return parts;
  }
  if (document["prompt"].get(value) == simdjson::SUCCESS) visit_strings(value, text);
  if (document["input"].get(value) == simdjson::SUCCESS) visit_strings(value, text);
  dom::array messages;
  if (document["messages"].get_array().get(messages) == simdjson::SUCCESS)
    for (auto message : messages) visit_message(message, parts, text);
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
        print(parameters, printed);
        text(printed);
      }
    }
  }
  parts.extra_tokens += 3;
  return parts;
}

}  // namespace tollgate::dialect
