// Realtime sessions: the handshake, and what a client's frame is answered with.
#include <openssl/sha.h>

#include "answer_parts.h"

namespace tollgate::mock {
namespace {

// Unmasked, as servers send them.
std::string frame(unsigned opcode, std::string_view payload) {
  std::string out(1, static_cast<char>(0x80U | opcode));
  const size_t size = payload.size();
  const unsigned bytes = size < 126 ? 0 : size < 0x10000 ? 2 : 8;
  out.push_back(static_cast<char>(bytes == 0 ? size : bytes == 2 ? 126 : 127));
  for (unsigned i = bytes; i > 0; --i) out.push_back(static_cast<char>((size >> (8 * (i - 1))) & 0xFF));
  return out.append(payload);
}

std::string event(std::string_view type, std::string_view members) {
  return frame(1, R"({"event_id":"event_mock","type":")" + std::string(type) + "\"," + std::string(members) + "}");
}

std::string usage_members(const Scenario& s) {
  auto number = [](int64_t n) { return std::to_string(n); };
  return R"({"total_tokens":)" + number(s.prompt_tokens + s.completion_tokens) + R"(,"input_tokens":)" +
         number(s.prompt_tokens) + R"(,"output_tokens":)" + number(s.completion_tokens) +
         R"(,"input_token_details":{"text_tokens":)" + number(s.prompt_tokens - s.audio_prompt_tokens) +
         R"(,"audio_tokens":)" + number(s.audio_prompt_tokens) + R"(,"cached_tokens":)" + number(s.cached_tokens) +
         R"(},"output_token_details":{"text_tokens":)" + number(s.completion_tokens - s.audio_completion_tokens) +
         R"(,"audio_tokens":)" + number(s.audio_completion_tokens) + "}}";
}

Answer response(const Scenario& s) {
  constexpr size_t kBytesAMillisecond = 48;
  std::vector<std::string> events;
  events.push_back(event("response.created", R"("response":{"id":"resp_mock","status":"in_progress"})"));
  for (size_t i = 0; i < static_cast<size_t>(s.chunks); ++i) {
    if (s.audio_completion_tokens > 0) {
      const auto bytes = static_cast<size_t>(s.audio_ms) * kBytesAMillisecond / static_cast<size_t>(s.chunks);
      events.push_back(event("response.output_audio.delta", "\"delta\":\"" + base64(std::string(bytes, '\0')) + '"'));
    } else {
      const auto size = static_cast<size_t>(s.size);
      auto text = piece(i * size, size);
      if (s.bad_utf8) text[0] = '\xFF';
      events.push_back(event("response.output_text.delta", "\"delta\":" + json_string(text)));
    }
  }
  if (s.tools) events.push_back(event("response.function_call_arguments.delta", R"("delta":"{\"q\":\"x\"}")"));
  if (s.error_after != Scenario::kOff) {
    events.resize(std::min(events.size(), static_cast<size_t>(s.error_after)));
    events.push_back(event("error", R"("error":{"type":"server_error","code":"mock","message":"mock stream error"})"));
  } else {
    events.push_back(event("response.done", R"("response":{"id":"resp_mock","status":"completed","output":[])" +
                                                (s.usage ? ",\"usage\":" + usage_members(s) : "") + "}"));
  }
  Answer answer;
  stop_early(s, events, 0, answer.ending);
  for (size_t i = 0; i < events.size(); ++i) {
    answer.bytes += events[i];
    answer.steps.push_back({answer.bytes.size(), i == 0 ? s.first_ms : s.delay_ms});
  }
  return answer;
}

Answer at_once(std::string bytes, Answer::Ending ending = Answer::Ending::kKeepAlive) {
  Answer answer;
  answer.bytes = std::move(bytes);
  answer.steps.push_back({answer.bytes.size(), 0});
  answer.ending = ending;
  return answer;
}

}  // namespace

Answer realtime_opening(std::string_view key, bool protocol) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return at_once(std::string(kRealtimeHead) + "Connection: Upgrade\r\nSec-WebSocket-Accept: " +
                 base64({reinterpret_cast<const char*>(digest), sizeof digest}) + "\r\n" +
                 (protocol ? "Sec-WebSocket-Protocol: realtime\r\n" : "") + "\r\n" +
                 event("session.created", R"("session":{"type":"realtime","id":"sess_mock","model":"mock-model"})"));
}

Answer realtime_answer(const Scenario& s, unsigned opcode, std::string_view payload) {
  if (opcode == 8) return at_once(frame(8, payload.substr(0, 2)), Answer::Ending::kFin);
  if (opcode == 9) return at_once(frame(10, payload));
  if (payload.find("\"session.update\"") != payload.npos)
    return at_once(event("session.updated", R"("session":{"type":"realtime","id":"sess_mock"})"));
  return payload.find("\"response.create\"") != payload.npos ? response(s) : at_once("");
}

size_t take_frame(std::string_view in, unsigned& opcode, std::string& payload) {
  if (in.size() < 2) return 0;
  auto byte = [&](size_t at) { return static_cast<size_t>(static_cast<unsigned char>(in[at])); };
  const size_t bytes = (byte(1) & 0x7FU) == 126 ? 2 : (byte(1) & 0x7FU) == 127 ? 8 : 0;
  if (in.size() < 6 + bytes) return 0;
  size_t size = bytes == 0 ? byte(1) & 0x7FU : 0;
  for (size_t i = 0; i < bytes; ++i) size = size << 8U | byte(2 + i);
  const size_t head = 6 + bytes;  // clients mask
  if (in.size() < head + size) return 0;
  opcode = static_cast<unsigned>(byte(0) & 0x0FU);
  payload.assign(in.substr(head, size));
  for (size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(payload[i] ^ in[2 + bytes + i % 4]);
  return head + size;
}

}  // namespace tollgate::mock
