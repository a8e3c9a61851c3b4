#include "dialect/openai_error.h"

#include <simdjson.h>

#include "core/json_text.h"
#include "core/mask.h"

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

// The error object in its usual place, when its members have the types that clients know.
bool read_error_object(const dom::element& document, RelayError& error) {
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
  error.message = message;
  error.type = type.empty() ? "upstream_error" : std::string(type);
  error.code = "null";
  if (object["code"].get(member) == simdjson::SUCCESS) {
    std::string_view text;
    error.code =
        member.get_string().get(text) == simdjson::SUCCESS ? json_quoted(text) : std::string(simdjson::minify(member));
  }
  if (object["metadata"].get(member) == simdjson::SUCCESS && !member.is_null()) {
    error.metadata = simdjson::minify(member);
    error.message += " (" + error.metadata + ")";
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

RelayError read_upstream_error(int status, std::string_view body, std::span<const std::string_view> secrets) {
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
    if (read_error_object(document, error)) {
      error.internal.clear();
    } else if (auto message = read_other_message(document)) {
      error.message = *message;
      error.internal.clear();
    }
  }
  error.message = core::scrub(error.message, secrets);
  if (!error.metadata.empty()) error.metadata.clear();
  if (!is_json && !body.empty()) error.detail = "body: " + core::scrub(body.substr(0, 512), secrets);
  // Type and code go to clients too; a provider that puts a key or a host there is not passed on.
  error.type = core::scrub(error.type, secrets);
  if (error.code.starts_with('"'))
    error.code = json_quoted(core::scrub(std::string_view(error.code).substr(1, error.code.size() - 2), secrets));
  if (status == 401 || status == 403) {
    error.internal = error.log_text();
    error.message = "upstream authentication failed";
  }
  return error;
}

std::string error_body(const RelayError& error, std::string_view request_id) {
  std::string message = error.message;
  if (error.kind == ErrorKind::kGateway && !request_id.empty())
    message += " (request id: " + std::string(request_id) + ")";
  std::string out = "{\"error\":{\"message\":";
  core::append_json_string(out, message);
  out += ",\"type\":";
  core::append_json_string(out, error.type);
  if (!error.before_gates) out += ",\"param\":\"\"";
  out += ",\"code\":";
  out += error.code.empty() ? "\"\"" : error.code;
  return out + "}}";
}

}  // namespace tollgate::dialect
