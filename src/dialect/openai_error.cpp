#include "dialect/openai_error.h"

#include <simdjson.h>

#include <optional>

#include "core/json_text.h"

namespace tollgate::dialect {
namespace {

namespace dom = simdjson::dom;

std::string json_quoted(std::string_view text) { return core::json_string(text); }

std::optional<std::string> text_at(const dom::element& document, const char* pointer) {
  std::string_view text;
  if (document.at_pointer(pointer).get_string().get(text) == simdjson::SUCCESS && !text.empty())
    return std::string(text);
  return std::nullopt;
}

// JSON text of a value with every string in it scrubbed: a provider may put a key or a host anywhere.
void write_scrubbed(const dom::element& value, const core::SecretSet& secrets, std::string& out) {
  switch (value.type()) {
    case dom::element_type::STRING:
      core::append_json_string(out, core::scrub(value.get_string().value_unsafe(), secrets));
      break;
    case dom::element_type::ARRAY: {
      char before = '[';
      for (auto element : value.get_array().value_unsafe()) {
        out += before;
        before = ',';
        write_scrubbed(element, secrets, out);
      }
      out += before == '[' ? "[]" : "]";
      break;
    }
    case dom::element_type::OBJECT: {
      char before = '{';
      for (auto [name, member] : value.get_object().value_unsafe()) {
        out += before;
        before = ',';
        core::append_json_string(out, core::scrub(name, secrets));
        out += ':';
        write_scrubbed(member, secrets, out);
      }
      out += before == '{' ? "{}" : "}";
      break;
    }
    default: out += simdjson::minify(value);
  }
}

// The error object in its usual place, when its members have the types that clients know.
bool read_error_object(const dom::element& document, const core::SecretSet& secrets, RelayError& error) {
  dom::object object;
  if (document["error"].get_object().get(object) != simdjson::SUCCESS) return false;
  std::string_view message;
  if (object["message"].get_string().get(message) != simdjson::SUCCESS || message.empty()) return false;
  dom::element member;
  std::string_view type;
  if (object["type"].get(member) == simdjson::SUCCESS && !member.is_null() &&
      member.get_string().get(type) != simdjson::SUCCESS)
    return false;
  if (object["param"].get(member) == simdjson::SUCCESS && !member.is_null() && !member.is_string()) return false;
  error.message = core::scrub(message, secrets);
  error.type = type.empty() ? "upstream_error" : core::scrub(type, secrets);
  error.code.clear();
  if (object["code"].get(member) == simdjson::SUCCESS)
    write_scrubbed(member, secrets, error.code);
  else
    error.code = "null";
  if (object["metadata"].get(member) == simdjson::SUCCESS && !member.is_null()) {
    write_scrubbed(member, secrets, error.metadata);
    // Behind the message it would push that out of sight.
    if (error.metadata.size() > core::kLongestForeignText) error.metadata.clear();
    if (!error.metadata.empty()) error.message += " (" + error.metadata + ")";
  }
  return true;
}

// The other places in which providers put their message.
std::optional<std::string> read_other_message(const dom::element& document) {
  dom::element member;
  if (document["error"].get(member) == simdjson::SUCCESS) {
    if (auto text = text_at(document, "/error/message")) return text;
    std::string_view plain;
    if (member.get_string().get(plain) == simdjson::SUCCESS) {
      if (!plain.empty()) return std::string(plain);
    } else if (!member.is_object()) {
      return std::string(simdjson::minify(member));
    }
  }
  for (auto pointer :
       {"/message", "/msg", "/err", "/error_msg", "/detail", "/header/message", "/response/error/message"})
    if (auto text = text_at(document, pointer)) return text;
  return std::nullopt;
}

}  // namespace

RelayError gate_error(int status, std::string message, std::string_view code) {
  RelayError error;
  error.status = status;
  error.message = std::move(message);
  error.code = json_quoted(code);
  error.no_retry = true;
  error.before_gates = true;
  return error;
}

RelayError gateway_error(int status, std::string_view code, std::string message) {
  RelayError error;
  error.status = status;
  error.code = json_quoted(code);
  error.message = std::move(message);
  error.channel_fault = code.starts_with("channel:");
  return error;
}

RelayError invalid_request(std::string message) {
  auto error = gateway_error(400, "invalid_request", std::move(message));
  error.no_retry = true;
  return error;
}

RelayError overloaded(std::string_view what) {
  auto error = gateway_error(503, "overloaded", "the gateway is overloaded: " + std::string(what));
  error.retry_after = "1";
  error.no_retry = true;
  return error;
}

RelayError upstream_unreachable(std::string cause) {
  auto error = gateway_error(500, "do_request_failed", "upstream error: do request failed");
  error.detail = std::move(cause);
  return error;
}

RelayError bad_answer(std::string_view code, std::string message, int status) {
  RelayError error;
  error.status = status;
  error.kind = ErrorKind::kUpstream;
  error.type = code;
  error.code = json_quoted(code);
  error.message = std::move(message);
  return error;
}

RelayError read_upstream_error(int status, std::string_view body, const core::SecretSet& secrets, AuthText auth_text) {
  RelayError error;
  error.status = status;
  error.kind = ErrorKind::kUpstream;
  error.type = "bad_response_status_code";
  error.code = "\"bad_response_status_code\"";
  error.message = "openai_error";
  error.internal = "bad response status code " + std::to_string(status);

  dom::parser parser;
  dom::element document;
  bool is_json = parser.parse(body.data(), body.size()).get(document) == simdjson::SUCCESS && document.is_object();
  if (is_json) {
    if (read_error_object(document, secrets, error)) {
      error.internal.clear();
    } else if (auto message = read_other_message(document)) {
      error.message = core::scrub(*message, secrets);
      error.internal.clear();
    }
  } else if (!body.empty()) {
    error.detail = "body: " + core::scrub(body, secrets);
  }
  if ((status == 401 || status == 403) && auth_text == AuthText::kFixed) {
    error.internal = error.log_text();
    error.message = "upstream authentication failed";
    error.metadata.clear();
  }
  return error;
}

bool is_retry_after(std::string_view value) {
  constexpr std::size_t kSeconds = 10;
  constexpr std::size_t kDate = 29;  // Sun, 06 Nov 1994 08:49:37 GMT
  if (value.empty()) return false;
  if (value.find_first_not_of("0123456789") == std::string_view::npos) return value.size() <= kSeconds;
  return value.size() == kDate && value.substr(3, 2) == ", " && value[19] == ':' && value[22] == ':' &&
         value.ends_with(" GMT");
}

std::string error_body(const RelayError& error, std::string_view request_id) {
  std::string text = error.message;
  if (text.empty()) text = error.kind == ErrorKind::kGateway ? "new_api_error" : "openai_error";
  if (error.kind == ErrorKind::kGateway && !request_id.empty())
    text += " (request id: " + std::string(request_id) + ")";
  const std::string message = "\"message\":" + json_quoted(text);
  const std::string type = "\"type\":" + json_quoted(error.type);
  const std::string code = "\"code\":" + (error.code.empty() ? "\"\"" : error.code);
  if (error.before_gates) return "{\"error\":{" + code + ',' + message + ',' + type + "}}";
  std::string out = "{\"error\":{" + message + ',' + type + ",\"param\":\"\"," + code;
  if (!error.metadata.empty()) out += ",\"metadata\":" + error.metadata;
  return out + "}}";
}

}  // namespace tollgate::dialect
