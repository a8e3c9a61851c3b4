#include "relay/secrets.h"

#include "net/url.h"

namespace tollgate::relay {

core::SecretSet secrets_of(const Channel& channel, const ChannelKey& key) {
  core::SecretSet secrets;
  secrets.add(key.text);
  secrets.add(channel.organization);
  if (channel.header_override)
    for (auto value : channel.header_override->secrets()) secrets.add(value);
  if (channel.proxy) {
    const auto& login = channel.proxy->user_info;
    secrets.add(login);
    if (auto colon = login.find(':'); colon != std::string::npos)
      secrets.add(std::string_view(login).substr(colon + 1));
  }
  return secrets;
}

core::SecretSet secrets_of(const Request& request) {
  auto secrets = request.channel ? secrets_of(*request.channel, request.key) : core::SecretSet();
  if (request.identity) secrets.add(request.identity->token.key);
  return secrets;
}

}  // namespace tollgate::relay
