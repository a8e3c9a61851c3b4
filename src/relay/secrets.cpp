#include "relay/secrets.h"

#include "net/url.h"

namespace tollgate::relay {

core::SecretSet secrets_of(const Request& request) {
  core::SecretSet secrets;
  secrets.add(request.key.text);
  if (request.identity) secrets.add(request.identity->token.key);
  if (!request.channel) return secrets;
  secrets.add(request.channel->organization);
  if (request.channel->proxy) {
    const auto& login = request.channel->proxy->user_info;
    secrets.add(login);
    if (auto colon = login.find(':'); colon != std::string::npos)
      secrets.add(std::string_view(login).substr(colon + 1));
  }
  return secrets;
}

}  // namespace tollgate::relay
