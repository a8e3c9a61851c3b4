#include "dialect/realtime_events.h"

#include <simdjson.h>

#include <algorithm>

#include "core/ascii.h"
#include "dialect/json_walk.h"
#include "dialect/openai_usage.h"

namespace tollgate::dialect {
namespace {

namespace ondemand = simdjson::ondemand;
using Kind = RealtimeEvent::Kind;

simdjson::padded_string_view padded(std::string_view text) {
  return simdjson::padded_string_view(text.data(), text.size(), text.size() + simdjson::SIMDJSON_PADDING);
}

// The members of an event that anything depends on, as they stand.
struct Members {
  std::string type;
  std::string_view delta, audio, session, item, response;
};

// Texts, and objects or arrays whole.
std::string_view raw_text(ondemand::value& value) {
  ondemand::json_type type;
  std::string_view raw;
  if (value.type().get(type) != simdjson::SUCCESS) return {};
  if (type == ondemand::json_type::object) return object_text(value);
  if (type == ondemand::json_type::string) raw = core::trimmed(value.raw_json_token());
  return raw;
}

Members read_members(std::string_view text) {
  thread_local ondemand::parser parser;
  Members out;
  ondemand::document document;
  ondemand::value root;
  if (parser.iterate(padded(text)).get(document) != simdjson::SUCCESS ||
      document.get_value().get(root) != simdjson::SUCCESS)
    return out;
  each_member(root, [&](std::string_view key, ondemand::value& value) {
    std::string_view type;
    if (key == "type" && string_of(value, type)) out.type = type;
    if (key == "delta") out.delta = raw_text(value);
    if (key == "audio") out.audio = raw_text(value);
    if (key == "session") out.session = raw_text(value);
    if (key == "item") out.item = raw_text(value);
    if (key == "response") out.response = raw_text(value);
  });
  return out;
}

// Visits the members of an object given as text; for objects inside an event.
template <class Visit>
void visit_members(std::string_view object, Visit visit) {
  if (object.empty()) return;
  thread_local ondemand::parser parser;
  ondemand::document document;
  ondemand::value root;
  if (parser.iterate(padded(object)).get(document) == simdjson::SUCCESS &&
      document.get_value().get(root) == simdjson::SUCCESS)
    each_member(root, visit);
}

// `quoted` is a JSON string with its quotes.
std::string unquoted(std::string_view quoted) {
  thread_local ondemand::parser parser;
  ondemand::document document;
  std::string_view text;
  if (quoted.empty() || parser.iterate(padded(quoted)).get(document) != simdjson::SUCCESS ||
      document.get_string().get(text) != simdjson::SUCCESS)
    return {};
  return std::string(text);
}

// Bytes that a quoted base64 text stands for.
std::int64_t base64_bytes(std::string_view quoted) {
  if (quoted.size() < 2 || quoted.front() != '"') return 0;
  auto inner = quoted.substr(1, quoted.size() - 2);
  auto characters = static_cast<std::int64_t>(inner.size());
  characters -= std::count(inner.begin(), inner.end(), '\\');  // "\/"
  while (inner.ends_with('=')) {
    inner.remove_suffix(1);
    --characters;
  }
  return std::max<std::int64_t>(characters, 0) * 3 / 4;
}

void add_line(std::string& text, std::string_view more) {
  if (!text.empty() && !more.empty()) text += '\n';
  text += more;
}

// "pcm16" of the beta, {"type":"audio/pcm"} of GA.
std::optional<bool> is_pcm(ondemand::value& format) {
  std::string_view name;
  if (string_of(format, name)) return name == "pcm16" || name == "audio/pcm";
  std::optional<bool> pcm;
  each_member(format, [&](std::string_view key, ondemand::value& value) {
    if (key == "type" && string_of(value, name)) pcm = name == "audio/pcm" || name == "pcm16";
  });
  return pcm;
}

void read_side(ondemand::value& side, std::optional<bool>& pcm) {
  each_member(side, [&](std::string_view key, ondemand::value& value) {
    if (key == "format") pcm = is_pcm(value);
  });
}

void read_session(std::string_view session, RealtimeEvent& event, bool of_client) {
  event.kind = Kind::kSession;
  visit_members(session, [&](std::string_view key, ondemand::value& value) {
    std::string_view text;
    if (key == "input_audio_format") event.input_pcm = is_pcm(value);
    if (key == "output_audio_format") event.output_pcm = is_pcm(value);
    if (key == "audio") {
      each_member(value, [&](std::string_view side, ondemand::value& inner) {
        if (side == "input") read_side(inner, event.input_pcm);
        if (side == "output") read_side(inner, event.output_pcm);
      });
    }
    if (!of_client) return;
    // Whatever the case: some decoders do not look at it.
    if (core::ascii_lower(key) == "model" && string_of(value, text)) event.model = text;
    if (key == "instructions" && string_of(value, text)) event.text = text;
    if (key == "tools") {
      event.tools.emplace();
      each_element(value, [&](ondemand::value& tool) { event.tools->emplace_back(object_text(tool)); });
    }
  });
}

void read_content(ondemand::value& content, RealtimeEvent& event) {
  each_element(content, [&](ondemand::value& part) {
    std::string_view type, text;
    std::string_view audio;
    std::string said;
    each_member(part, [&](std::string_view key, ondemand::value& value) {
      if (key == "type") string_of(value, type);
      if (key == "text" && string_of(value, text)) said = text;
      if (key == "audio") audio = raw_text(value);
    });
    if (type == "input_text") add_line(event.text, said);
    if (type == "input_audio") event.audio_bytes += base64_bytes(audio);
  });
}

void read_item(std::string_view item, RealtimeEvent& event) {
  event.kind = Kind::kInput;
  visit_members(item, [&](std::string_view key, ondemand::value& value) {
    std::string_view text;
    if (key == "content") read_content(value, event);
    if (key == "output" && string_of(value, text)) add_line(event.text, text);  // of a function
  });
}

// Text and audio apart, so that the sum over responses can be priced like one. What is not audio counts as text.
billing::Usage taken_apart(billing::Usage usage) {
  usage.prompt_text_tokens = std::max(usage.prompt_text_tokens, usage.prompt_tokens - usage.prompt_audio_tokens);
  usage.completion_text_tokens =
      std::max(usage.completion_text_tokens, usage.completion_tokens - usage.completion_audio_tokens);
  usage.prompt_tokens = usage.prompt_text_tokens + usage.prompt_audio_tokens;
  usage.completion_tokens = usage.completion_text_tokens + usage.completion_audio_tokens;
  usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
  return usage;
}

void read_done(std::string_view response, RealtimeEvent& event) {
  event.kind = Kind::kResponseDone;
  visit_members(response, [&](std::string_view key, ondemand::value& value) {
    if (key != "usage") return;
    if (auto usage = read_openai_usage(object_text(value), &event.usage_refused); usage && usage->usable())
      event.usage = taken_apart(*usage);
  });
}

bool is_text_delta(std::string_view type) {
  static constexpr std::string_view kNames[] = {
      "response.text.delta",
      "response.output_text.delta",
      "response.audio_transcript.delta",
      "response.output_audio_transcript.delta",
      "response.function_call_arguments.delta",
      "response.mcp_call_arguments.delta",
  };
  return std::ranges::find(kNames, type) != std::end(kNames);
}

void add(billing::Usage& sum, const billing::Usage& more) {
  sum.prompt_tokens += more.prompt_tokens;
  sum.completion_tokens += more.completion_tokens;
  sum.total_tokens += more.total_tokens;
  sum.cached_tokens += more.cached_tokens;
  sum.prompt_text_tokens += more.prompt_text_tokens;
  sum.prompt_audio_tokens += more.prompt_audio_tokens;
  sum.prompt_image_tokens += more.prompt_image_tokens;
  sum.completion_text_tokens += more.completion_text_tokens;
  sum.completion_audio_tokens += more.completion_audio_tokens;
}

constexpr std::int64_t kPcmBytesASecond = 48'000, kOtherBytesASecond = 8'000;

std::int64_t as_pcm(std::int64_t bytes, bool pcm) {
  return pcm ? bytes : bytes * (kPcmBytesASecond / kOtherBytesASecond);
}

}  // namespace

RealtimeEvent read_client_event(std::string_view text) {
  RealtimeEvent event;
  auto members = read_members(text);
  if (members.type == "input_audio_buffer.append" || members.type == "session.input_audio_buffer.append") {
    event.kind = Kind::kInput;
    event.audio_bytes = base64_bytes(members.audio);
  } else if (members.type == "session.update" || members.type == "transcription_session.update") {
    read_session(members.session, event, true);
  } else if (members.type == "conversation.item.create") {
    read_item(members.item, event);
  } else if (members.type == "response.create") {
    event.kind = Kind::kInput;
    visit_members(members.response, [&](std::string_view key, ondemand::value& value) {
      std::string_view said;
      if (key == "instructions" && string_of(value, said)) event.text = said;
    });
  }
  return event;
}

RealtimeEvent read_server_event(std::string_view text) {
  RealtimeEvent event;
  auto members = read_members(text);
  const auto& type = members.type;
  if (type == "response.audio.delta" || type == "response.output_audio.delta" || type == "session.output_audio.delta") {
    event.kind = Kind::kOutput;
    event.audio_bytes = base64_bytes(members.delta);
  } else if (is_text_delta(type)) {
    event.kind = Kind::kOutput;
    event.text = unquoted(members.delta);
  } else if (type == "response.done") {
    read_done(members.response, event);
  } else if (type == "session.created" || type == "session.updated") {
    read_session(members.session, event, false);
  } else if (type == "error") {
    event.kind = Kind::kError;
  }
  return event;
}

void RealtimeMeter::add(const RealtimeEvent& event) {
  if (event.input_pcm) input_pcm_ = *event.input_pcm;
  if (event.output_pcm) output_pcm_ = *event.output_pcm;
  if (event.tools) {
    tool_tokens_ = 0;
    for (const auto& tool : *event.tools) tool_tokens_ += 8 + billing::estimate_tokens(family_, tool);
  }
  switch (event.kind) {
    case Kind::kSession:
    case Kind::kInput:
      text_in_.break_run();
      text_in_.add(event.text);
      audio_in_ += as_pcm(event.audio_bytes, input_pcm_);
      break;
    case Kind::kOutput:
      text_out_.add(event.text);
      audio_out_ += as_pcm(event.audio_bytes, output_pcm_);
      break;
    case Kind::kResponseDone: {
      usage_refused_ = usage_refused_ || event.usage_refused;
      auto used = event.usage ? *event.usage : counts();
      if (event.usage) {
        reported_ = true;
      } else {
        // From the second response on, as the compatible product counts.
        if (responses_ > 0) {
          used.prompt_tokens += tool_tokens_;
          used.prompt_text_tokens += tool_tokens_;
          used.total_tokens += tool_tokens_;
        }
        counted_ = counted_ || used.total_tokens > 0;
      }
      dialect::add(sum_, used);
      ++responses_;
      text_in_ = {};
      text_out_ = {};
      audio_in_ = audio_out_ = 0;
      break;
    }
    case Kind::kOther:
    case Kind::kError: break;
  }
}

billing::Usage RealtimeMeter::counts() const {
  billing::Usage usage;
  usage.prompt_text_tokens = text_in_.tokens(family_);
  usage.completion_text_tokens = text_out_.tokens(family_);
  usage.prompt_audio_tokens = audio_in_ * 1000 / (kPcmBytesASecond * 36);
  usage.completion_audio_tokens = audio_out_ * 2000 / (kPcmBytesASecond * 144);
  usage.prompt_tokens = usage.prompt_text_tokens + usage.prompt_audio_tokens;
  usage.completion_tokens = usage.completion_text_tokens + usage.completion_audio_tokens;
  usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
  return usage;
}

billing::Usage RealtimeMeter::total() const {
  auto usage = sum_;
  dialect::add(usage, counts());
  return usage;
}

bool RealtimeMeter::pending() const { return counts().total_tokens > 0; }

}  // namespace tollgate::dialect
