// The parameter override of a channel, applied to one call's body.
#pragma once
#include <optional>
#include <string>

#include "core/json_edit.h"
#include "dialect/body_override.h"
#include "dialect/openai_error.h"
#include "dialect/openai_request.h"
#include "relay/snapshot.h"

namespace tollgate::relay {

// Whether bodies of the route go through it: those of JSON, but for speech.
bool takes_body_override(dialect::OpenAiRoute route);

// What the editor made of a body, with the channel's rules applied, into `out`. The channel has rules. The error is the
// channel's (`channel:param_override_invalid`).
std::optional<dialect::RelayError> override_body(const Channel& channel, const dialect::OverrideContext& context,
                                                 core::JsonEditor& editor, std::string& out);

}  // namespace tollgate::relay
