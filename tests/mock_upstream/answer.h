#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "scenario.h"

namespace tollgate::mock {

// What a request asked for, as far as the answer depends on it.
struct Asked {
  enum class Kind { kChat, kCompletion, kEmbedding, kModels, kModeration, kImage, kSpeech, kRerank, kTranscript };
  Kind kind = Kind::kChat;
  std::string model = "mock-model";
  std::string tool = "lookup";
  std::string key;  // of the Authorization header, for echo_key
  bool stream = false;
  bool include_usage = false;
  bool base64 = false;
  size_t inputs = 1;                 // texts to embed or to judge, documents to rank
  int64_t n = 1;                     // pictures
  std::string audio_format = "mp3";  // of speech; response_format of transcriptions
  bool edits = false;                // of pictures
};

// One answer, made once and then only written: the bytes of the head and the body, and where each write ends.
struct Answer {
  enum class Ending { kKeepAlive, kFin, kReset, kStall, kRepeat };  // kRepeat: the last write again and again
  struct Step {
    size_t end = 0;
    int delay_ms = 0;  // before this write
  };
  std::string bytes;
  std::vector<Step> steps;
  Ending ending = Ending::kKeepAlive;
};

// `recordings` is the folder the key `recording` looks in.
Answer make_answer(const Scenario& scenario, const Asked& asked, const std::string& recordings);

// A realtime session: the head of the answer that opens it, and what follows it at once.
inline constexpr std::string_view kRealtimeHead = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n";
Answer realtime_opening(std::string_view key, bool protocol);
// What one frame of the client is answered with; may be nothing.
Answer realtime_answer(const Scenario& scenario, unsigned opcode, std::string_view payload);
// Takes one frame of a client off the front of `in`. Returns the bytes used, 0 when more are needed.
size_t take_frame(std::string_view in, unsigned& opcode, std::string& payload);

// An error answer with OpenAI's error object.
Answer make_error(int status, std::string_view message);

// A whole JSON answer with status 200.
Answer make_json(std::string_view body);

// `text` between quotes, escaped for JSON.
std::string json_string(std::string_view text);

std::string base64(std::string_view bytes);

}  // namespace tollgate::mock
