// What routes besides chat cost: which formula, what a picture counts as, what their log rows say.
#pragma once
#include <optional>
#include <string>

#include "billing/charge.h"
#include "relay/request.h"

namespace tollgate::relay {

billing::Formula formula_for_route(dialect::OpenAiRoute route, const billing::Usage& usage,
                                   const billing::Price& price);

// Size × quality × count of the pictures asked for; 0 on other routes.
double image_factor(const dialect::OpenAiRequest& request);
// As many tokens as pictures were asked for, when the upstream reports none; nullopt on other routes.
std::optional<billing::Usage> unreported_usage(const Request& request);
// What was ordered, before what billing says of the charge: "大小 1024x1024, 品质 standard, 生成数量 1" for pictures.
std::string log_content(const dialect::OpenAiRequest& request, std::string of_charge);
// The format of a route as log rows name it: "OpenAI Compatible", or an internal name.
std::string_view format_name(dialect::OpenAiRoute route);

// Whether an answer on this route is text of a model: what is counted when usage is missing, and told to the client.
bool answers_text(dialect::OpenAiRoute route);
// Whether our own count of an answer on this route is one of audio tokens.
bool counts_audio(dialect::OpenAiRoute route);

}  // namespace tollgate::relay
