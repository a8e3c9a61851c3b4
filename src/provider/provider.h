// Upstream providers as data: which routes of the OpenAI dialect a channel type serves, where they are, how it is told
// who calls, and what it takes differently.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "dialect/openai_request.h"
#include "dialect/openai_usage.h"
#include "provider/address.h"
#include "provider/body_rules.h"
#include "provider/caller.h"

namespace tollgate::provider {

// Routes, one bit each.
using RouteSet = std::uint32_t;
constexpr RouteSet route_bit(dialect::OpenAiRoute route) { return RouteSet{1} << static_cast<unsigned>(route); }

// Whether stream_options may be sent. kTry: not known of all servers behind the type; one that refuses it is asked
// again without.
enum class StreamOptions { kNo, kTry, kYes };

struct Provider {
  int type = 0;               // channel type number as stored
  std::string_view name;      // shown to people
  std::string_view base_url;  // default; empty: the channel must name one
  RouteSet routes = 0;        // spoken in the OpenAI dialect; 0: the type is not built
  StreamOptions stream_options = StreamOptions::kNo;

  std::string_view prefix = "/v1";        // between the base and a route's own path
  bool passes_query = false;              // the client's query goes along
  bool plans = false;                     // the base may be the name of a plan (address.h)
  AddressRule address = nullptr;          // where the prefix does not say it all
  CallerRule caller = bearer;             // headers that say who calls
  SiteHeaderRule site_headers = nullptr;  // headers that name this installation
  BodyRule body = nullptr;                // what of the client's body changes
  dialect::UsageRules usage = {};
  std::string_view refusal = "not implemented";  // of a route that is not served

  bool built() const { return routes != 0; }
  bool serves(dialect::OpenAiRoute route) const { return (routes & route_bit(route)) != 0; }
};

// nullptr for a number that is none.
const Provider* find_provider(std::int64_t type);
std::span<const Provider> providers();

// The address of a call. `base_url` of the call is the channel's, may be empty or end in a slash. kInvalid when neither
// the channel nor its type has an address, or when something that the type needs is missing.
core::Result<std::string> upstream_url(const Provider& provider, const Call& call);

// Whether the address depends on channel and route alone, as long as the call has no query: it can be kept.
bool has_fixed_addresses(const Provider& provider);

}  // namespace tollgate::provider
