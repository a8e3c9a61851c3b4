// Hides hosts, addresses and keys in texts that come from outside and go to clients or into logs.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace tollgate::core {

// URLs keep scheme and the tail of the host, domain names keep their tail, IPv4 addresses and api_key:… become stars.
std::string mask_sensitive(std::string_view text);

// First cuts the text to 2 KiB, drops control characters and replaces each of the secrets (8 characters or longer) and
// everything that looks like a provider's key by ***; then mask_sensitive().
std::string scrub(std::string_view text, std::span<const std::string_view> secrets = {});

}  // namespace tollgate::core
