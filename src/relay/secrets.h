// The secrets that one request used: no text of its upstream goes on before they are out of it.
#pragma once
#include "core/secret_scrub.h"
#include "relay/request.h"

namespace tollgate::relay {

// The channel's key, its organization, credentials of its header override, the login of its proxy and the client's key.
// Made when an error is there, not before.
core::SecretSet secrets_of(const Request& request);
core::SecretSet secrets_of(const Channel& channel, const ChannelKey& key);  // without a client

}  // namespace tollgate::relay
