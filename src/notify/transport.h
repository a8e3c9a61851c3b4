// What goes out, and the one interface through which it does.
#pragma once
#include <string>
#include <vector>

#include "core/fetch_rules.h"
#include "core/result.h"

namespace tollgate::notify {

struct HttpCall {
  std::string method = "POST";
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::string body;
  bool by_operator = false;  // the address is an option of root: private ones are allowed
};

// One mail, ready to be spoken (RFC 5321): `text` has CR LF line ends.
struct Mail {
  std::string host;
  std::uint16_t port = 587;
  bool implicit_tls = false;  // else STARTTLS
  bool login_auth = false;    // AUTH LOGIN instead of PLAIN
  std::string account, password;
  std::string from;
  std::vector<std::string> to;
  std::string text;
};

// Calls wait, ten seconds (mails thirty) at most. Errors are one line without addresses or secrets.
class Transport {
 public:
  virtual ~Transport() = default;
  // Well: a status of 2xx. Redirects are not followed, of the answer's body nothing is looked at.
  virtual core::Result<void> call(const HttpCall& call, const core::FetchRules& rules) = 0;
  virtual core::Result<void> mail(const Mail& mail) = 0;
  // From any thread: what runs ends soon, nothing begins any more.
  virtual void stop() = 0;
};

}  // namespace tollgate::notify
