// Errors as OpenAI clients see them: the gateway's own, and those of upstreams after they were read and cleaned.
#pragma once
#include <string>
#include <string_view>

#include "core/secret_scrub.h"

namespace tollgate::dialect {

enum class ErrorKind {
  kGateway,   // ours: type new_api_error, text ends with the request id
  kUpstream,  // an upstream's: its type and code pass, no request id
};

struct RelayError {
  int status = 500;
  ErrorKind kind = ErrorKind::kGateway;
  std::string type = "new_api_error";
  std::string code;            // JSON text of the member: a quoted string, a number or null
  std::string message;         // as it goes to the client, but for the request id
  std::string internal;        // what log rows say; the message when empty
  std::string detail;          // for the server's log alone
  std::string retry_after;     // of the upstream, when it sent one
  bool no_retry = false;       // another channel would fail in the same way
  bool channel_fault = false;  // the channel's settings are wrong: always worth another channel
  bool before_gates = false;   // spoken by the gate: no member param
  std::string metadata;        // JSON text of the member, when the upstream's error had it

  const std::string& log_text() const { return internal.empty() ? message : internal; }
};

// Of the gate: status, text, code ("" where the contract has none).
RelayError gate_error(int status, std::string message, std::string_view code = {});
// Of the gateway after the gate.
RelayError gateway_error(int status, std::string_view code, std::string message);
// A body that breaks a rule: 400, not repeated.
RelayError invalid_request(std::string message);
// No answer came: refused, reset, timed out. The cause goes to the log only.
RelayError upstream_unreachable(std::string cause);
// 503: no room for this request now; `what` is short of it.
RelayError overloaded(std::string_view what);
// An answer that cannot be read.
RelayError bad_answer(std::string_view code, std::string message, int status = 500);

// Whether the text of an upstream's 401 or 403 goes to the client: it often names the key or its owner.
enum class AuthText { kFixed, kPass };

// What an upstream said with a status that is not 200, or in an error event: every text is scrubbed of `secrets`, those
// that the request used. With AuthText::kFixed the text of a 401 or 403 goes to the log only.
RelayError read_upstream_error(int status, std::string_view body, const core::SecretSet& secrets,
                               AuthText auth_text = AuthText::kFixed);

// Whether an upstream's Retry-After may go to the client: seconds or an HTTP date (RFC 9110 §10.2.3), no other text.
bool is_retry_after(std::string_view value);

// The body for the client. The gate writes its members in another order than the stages behind it, as in the compatible
// product.
std::string error_body(const RelayError& error, std::string_view request_id);

}  // namespace tollgate::dialect
