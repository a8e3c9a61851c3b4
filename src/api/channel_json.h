// The channel object of the API, and what may stand in one.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/json.h"
#include "api/row_version.h"
#include "model/channel.h"
#include "model/channel_keys.h"

namespace tollgate::api {

// Without its key: nothing here ever shows one.
json::object channel_document(const model::Channel& channel);

// What people edit of a channel, for its version.
std::span<const EditedField<model::Channel>> channel_fields();

// Sets what the body says: plain texts and numbers when not empty or zero, the nullable ones whenever they are sent.
// The key is left alone. An empty text, or what is wrong with the body.
std::string apply_channel_fields(model::Channel& channel, Fields& fields);

// An empty text, or the message that refuses the channel. `creating`: the key and the models are checked too.
std::string check_channel(const model::Channel& channel, bool creating);

// The keys of a text: lines, or for service accounts (type 41 without API keys) the elements of a JSON array.
core::Result<std::vector<std::string>> split_new_keys(const model::Channel& channel, const std::string& text,
                                                      bool trim_lines);

// A text that stands for a key which the sender never saw.
bool is_masked_key(std::string_view key);

}  // namespace tollgate::api
