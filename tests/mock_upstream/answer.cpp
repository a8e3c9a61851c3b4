#include "answer.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

#include "answer_parts.h"

namespace tollgate::mock {
namespace {

constexpr int64_t kCreated = 1'770'000'000;
constexpr std::string_view kText = "The quick brown fox jumps over the lazy dog. ";

}  // namespace

std::string piece(size_t from, size_t length) {
  std::string out;
  out.reserve(length);
  for (size_t i = 0; i < length; ++i) out.push_back(kText[(from + i) % kText.size()]);
  return out;
}

namespace {

std::string reason_phrase(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    default: return "Status";
  }
}

std::string whole_head(int status, std::string_view type, size_t length, int retry_after) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " " + reason_phrase(status) +
                     "\r\nContent-Type: " + std::string(type) + "\r\nx-request-id: req_mock\r\n";
  if (retry_after >= 0) head += "Retry-After: " + std::to_string(retry_after) + "\r\n";
  return head + "Content-Length: " + std::to_string(length) + "\r\n\r\n";
}

Answer whole(int status, std::string_view type, std::string_view body, int retry_after = -1) {
  Answer answer;
  answer.bytes = whole_head(status, type, body.size(), retry_after).append(body);
  answer.steps.push_back({answer.bytes.size(), 0});
  return answer;
}

}  // namespace

std::string usage_json(const Scenario& s) {
  if (!s.usage_text.empty()) return s.usage_text;
  return "{\"prompt_tokens\":" + std::to_string(s.prompt_tokens) +
         ",\"completion_tokens\":" + std::to_string(s.completion_tokens) +
         ",\"total_tokens\":" + std::to_string(s.prompt_tokens + s.completion_tokens) +
         ",\"prompt_tokens_details\":{\"cached_tokens\":" + std::to_string(s.cached_tokens) +
         ",\"audio_tokens\":" + std::to_string(s.audio_prompt_tokens) +
         "},\"completion_tokens_details\":{\"reasoning_tokens\":" + std::to_string(s.reasoning_tokens) +
         ",\"audio_tokens\":" + std::to_string(s.audio_completion_tokens) +
         ",\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}";
}

namespace {

size_t content_bytes(const Scenario& s) {
  return static_cast<size_t>(s.chunks) * static_cast<size_t>(s.size) + (static_cast<size_t>(s.huge_line_mb) << 20);
}

std::string content(const Scenario& s) {
  return s.json_schema ? R"({"a":"value","n":42})" : piece(0, content_bytes(s));
}

constexpr std::string_view kArguments = R"({"q":"x"})";

std::string plain_body(const Scenario& s, const Asked& asked) {
  std::string body;
  if (asked.kind == Asked::Kind::kCompletion) {
    body = R"({"id":"cmpl-mock","object":"text_completion","created":)" + std::to_string(kCreated) +
           ",\"model\":" + json_string(asked.model) + R"(,"choices":[{"text":)" + json_string(content(s)) +
           R"(,"index":0,"logprobs":null,"finish_reason":"stop"}])";
  } else {
    body = R"({"id":"chatcmpl-mock","object":"chat.completion","created":)" + std::to_string(kCreated) +
           ",\"model\":" + json_string(asked.model) +
           R"(,"choices":[{"index":0,"message":{"role":"assistant","content":)";
    if (s.tools) {
      body += R"(null,"refusal":null,"tool_calls":[{"id":"call_mock","type":"function","function":{"name":)" +
              json_string(asked.tool) + ",\"arguments\":" + json_string(kArguments) + "}}]";
    } else {
      body += json_string(content(s));
      if (s.reasoning) body += ",\"reasoning_content\":\"thinking about it\"";
      body += R"(,"refusal":null,"annotations":[])";
    }
    body += R"(},"logprobs":null,"finish_reason":")" + std::string(s.tools ? "tool_calls" : "stop") + "\"}]";
  }
  if (s.usage) body += ",\"usage\":" + usage_json(s);
  return body + R"(,"system_fingerprint":"fp_mock"})";
}

Payloads stream_payloads(const Scenario& s, const Asked& asked) {
  const bool legacy = asked.kind == Asked::Kind::kCompletion;
  const std::string open = std::string(legacy ? R"({"id":"cmpl-mock","object":"text_completion")"
                                              : R"({"id":"chatcmpl-mock","object":"chat.completion.chunk")") +
                           ",\"created\":" + std::to_string(kCreated) + ",\"model\":" + json_string(asked.model) +
                           ",\"system_fingerprint\":\"fp_mock\",\"choices\":[";
  const std::string usage = s.usage ? ",\"usage\":" + usage_json(s) : "";
  const bool every = s.usage_place == UsagePlace::kEvery;
  auto event = [&](const std::string& delta, std::string_view finish) {
    std::string out = open + "{\"index\":0," +
                      (legacy ? "\"text\":" + (delta.empty() ? "\"\"" : delta) : "\"delta\":{" + delta + "}") +
                      ",\"logprobs\":null,\"finish_reason\":" + (finish.empty() ? "null" : json_string(finish)) + "}]";
    if (every || (!finish.empty() && s.usage_place == UsagePlace::kFinish))
      out += usage;
    else if (asked.include_usage)
      out += ",\"usage\":null";
    return out + "}";
  };

  Payloads out;
  auto add = [&](const std::string& delta) { out.push_back(event(delta, "")); };
  if (legacy) {
    for (size_t i = 0; i < static_cast<size_t>(s.chunks); ++i) {
      add(json_string(piece(i * static_cast<size_t>(s.size), static_cast<size_t>(s.size))));
    }
  } else if (s.tools) {
    add(R"("role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_mock","type":"function","function":{"name":)" +
        json_string(asked.tool) + R"(,"arguments":""}}])");
    for (std::string_view part : {kArguments.substr(0, 4), kArguments.substr(4)}) {
      add(R"("tool_calls":[{"index":0,"function":{"arguments":)" + json_string(part) + "}}]");
    }
  } else {
    if (s.reasoning) {
      add(R"("role":"assistant","content":null,"reasoning_content":"thinking ")");
      add(R"("content":null,"reasoning_content":"about it")");
    }
    const std::string text = content(s);
    const size_t size = std::max<size_t>(1, s.json_schema ? 7 : static_cast<size_t>(s.size));
    const size_t huge = s.json_schema ? 0 : static_cast<size_t>(s.huge_line_mb) << 20;
    if (huge > 0) add(R"("role":"assistant","content":)" + json_string(std::string_view(text).substr(0, huge)));
    for (size_t from = huge; from < text.size(); from += size) {
      const std::string role = out.empty() ? R"("role":"assistant",)" : "";
      add(role + "\"content\":" + json_string(std::string_view(text).substr(from, size)));
    }
  }
  if (!s.no_finish) out.push_back(event("", s.tools && !legacy ? "tool_calls" : "stop"));
  if (s.usage && s.usage_place == UsagePlace::kOwnChunk && asked.include_usage) out.push_back(open + "]" + usage + "}");
  if (!s.no_done) out.emplace_back("[DONE]");
  return out;
}

}  // namespace

std::string chunk(std::string_view data) {
  std::array<char, 24> size{};
  int n = std::snprintf(size.data(), size.size(), "%zx\r\n", data.size());
  return std::string(size.data(), static_cast<size_t>(n)).append(data).append("\r\n");
}

bool stop_early(const Scenario& s, std::vector<std::string>& parts, size_t before, Answer::Ending& ending) {
  bool ends_well = true;
  auto stop_after = [&](int n, Answer::Ending how, bool terminated) {
    if (n == Scenario::kOff) return;
    parts.resize(std::min(parts.size(), static_cast<size_t>(n) + before));
    ending = how;
    ends_well = terminated;
  };
  stop_after(s.end_after, Answer::Ending::kKeepAlive, true);
  stop_after(s.fin_after, Answer::Ending::kFin, false);
  stop_after(s.cut_after, Answer::Ending::kReset, false);
  stop_after(s.stall_after, Answer::Ending::kStall, false);
  return ends_well;
}

Answer stream_answer(const Scenario& s, const Payloads& payloads, const Payloads& names) {
  const std::string eol = s.crlf ? "\r\n" : "\n";
  std::vector<std::string> events;
  for (int i = 0; i < s.comments; ++i) events.push_back(": keep-alive" + eol + eol);
  constexpr std::string_view kEnds[] = {"\r", "\n", "\r\n"};
  for (size_t i = 0; i < payloads.size(); ++i) {
    const std::string name = names.empty() ? "" : "event: " + names[i] + eol;
    std::string event = name + "data: " + payloads[i] + eol + eol;
    if (s.mixed_ends) {
      event = "data: " + payloads[i];
      event.append(kEnds[i % 3]).append(kEnds[i % 3]);
    }
    if (s.bad_utf8)
      if (auto at = event.find("quick"); at != event.npos) event[at] = '\xFF';
    for (int copies = s.twice && payloads[i] != "[DONE]" ? 2 : 1; copies > 0; --copies) events.push_back(event);
  }

  Answer answer;
  if (s.error_after != Scenario::kOff) {
    events.resize(std::min(events.size(), static_cast<size_t>(s.error_after + s.comments)));
    events.push_back(R"(data: {"error":{"message":"mock stream error","type":"server_error","param":null,)"
                     R"("code":"mock_stream_error"}})" +
                     eol + eol);
  }
  const bool ends_well = stop_early(s, events, static_cast<size_t>(s.comments), answer.ending);
  if (s.close_framing && answer.ending == Answer::Ending::kKeepAlive) answer.ending = Answer::Ending::kFin;

  answer.bytes =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
      "x-request-id: req_mock\r\n";
  answer.bytes += s.close_framing ? "Connection: close\r\n\r\n" : "Transfer-Encoding: chunked\r\n\r\n";
  if (s.first_ms > 0 || events.empty()) answer.steps.push_back({answer.bytes.size(), 0});
  if (s.batch) {
    std::string all;
    for (const std::string& event : events) all += event;
    answer.bytes += s.close_framing || all.empty() ? all : chunk(all);
    answer.steps.push_back({answer.bytes.size(), s.first_ms});
  } else {
    for (size_t i = 0; i < events.size(); ++i) {
      answer.bytes += s.close_framing ? events[i] : chunk(events[i]);
      answer.steps.push_back({answer.bytes.size(), i == 0 ? s.first_ms : s.delay_ms});
    }
  }
  if (ends_well && !s.close_framing) {
    answer.bytes += "0\r\n\r\n";
    answer.steps.back().end = answer.bytes.size();
  }
  if (s.split > 0) {
    answer.steps.clear();
    const size_t size = static_cast<size_t>(s.split);
    for (size_t end = size; end < answer.bytes.size() + size; end += size) {
      answer.steps.push_back({std::min(end, answer.bytes.size()), end == size ? 0 : s.delay_ms});
    }
  }
  return answer;
}

namespace {

Answer error_answer(const Scenario& s) {
  const std::string status = std::to_string(s.status);
  switch (s.body) {
    case ErrorBody::kOpenAi:
      return whole(s.status, "application/json",
                   R"({"error":{"message":"mock error )" + status +
                       R"(","type":"mock_error","param":null,"code":"mock_)" + status + "\"}}",
                   s.retry_after);
    case ErrorBody::kAnthropic:
      return whole(s.status, "application/json",
                   R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})", s.retry_after);
    case ErrorBody::kHtml:
      return whole(s.status, "text/html", "<html><body><h1>" + status + "</h1></body></html>\n", s.retry_after);
    case ErrorBody::kText: return whole(s.status, "text/plain", "mock error " + status, s.retry_after);
    case ErrorBody::kEmpty: break;
  }
  return whole(s.status, "text/plain", "", s.retry_after);
}

}  // namespace

Answer plain_answer(const Scenario& s, const std::string& body, std::string_view type) {
  Answer answer = whole(200, type, body);
  const size_t head = answer.bytes.size() - body.size();
  auto stop_after = [&](int n, Answer::Ending ending) {
    if (n == Scenario::kOff) return;
    answer.bytes.resize(head + std::min(body.size() / 2, static_cast<size_t>(n)));
    answer.steps.back().end = answer.bytes.size();
    answer.ending = ending;
  };
  stop_after(s.fin_after, Answer::Ending::kFin);
  stop_after(s.cut_after, Answer::Ending::kReset);
  stop_after(s.stall_after, Answer::Ending::kStall);
  if (s.lie_length) {
    answer.bytes = whole_head(200, type, body.size() + 100, -1) + body;
    answer.steps.back().end = answer.bytes.size();
    answer.ending = Answer::Ending::kFin;
  }
  if (s.split > 0) {
    answer.steps.clear();
    const size_t size = static_cast<size_t>(s.split);
    for (size_t end = size; end < answer.bytes.size() + size; end += size) {
      answer.steps.push_back({std::min(end, answer.bytes.size()), end == size ? 0 : s.delay_ms});
    }
  }
  return answer;
}

namespace {

std::string embedding_body(const Scenario& s, const Asked& asked) {
  std::string data;
  for (size_t i = 0; i < asked.inputs; ++i) {
    std::string vector;
    std::string raw;
    for (int d = 0; d < s.dims; ++d) {
      const float value = static_cast<float>(d + 1) / 16.0F;
      char bytes[sizeof value];
      std::memcpy(bytes, &value, sizeof value);
      raw.append(bytes, sizeof value);
      vector += (d ? "," : "") + std::to_string(value);
    }
    data += (i ? "," : "") + std::string(R"({"object":"embedding","index":)") + std::to_string(i) +
            ",\"embedding\":" + (asked.base64 ? json_string(base64(raw)) : "[" + vector + "]") + "}";
  }
  std::string body = R"({"object":"list","data":[)" + data + "],\"model\":" + json_string(asked.model);
  if (s.usage) {
    body += ",\"usage\":{\"prompt_tokens\":" + std::to_string(s.prompt_tokens) +
            ",\"total_tokens\":" + std::to_string(s.prompt_tokens) + "}";
  }
  return body + "}";
}

}  // namespace

bool read_whole(const std::string& path, std::string& out) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  std::ostringstream text;
  text << file.rdbuf();
  out = text.str();
  return true;
}

namespace {

Answer recorded_answer(const Scenario& s, const Asked& asked, const std::string& recordings) {
  std::string name = s.recording;
  if (!name.ends_with(".json") && !name.ends_with(".txt")) name += asked.stream ? ".chunks.txt" : ".json";
  std::string text;
  if (!read_whole(recordings + "/" + name, text)) return make_error(404, "mock: no recording " + name);
  if (name.ends_with(".json")) return plain_answer(s, text);
  Payloads payloads;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) payloads.push_back(line);
  }
  if (!s.no_done) payloads.emplace_back("[DONE]");
  return stream_answer(s, payloads);
}

// What a 401 says that shows the key it got, in every form in which that has been seen.
Answer key_echo(const Scenario& s, const Asked& asked) {
  std::string url;
  for (char c : asked.key) {
    std::array<char, 4> code{};
    std::snprintf(code.data(), code.size(), "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    url += code.data();
  }
  const std::string masked =
      asked.key.substr(0, 8) + "****" + asked.key.substr(asked.key.size() - std::min<size_t>(4, asked.key.size()));
  std::string text = "Incorrect API key provided: " + asked.key + " url " + url + " masked " + masked;
  for (std::string_view before : {"", "u", "u:"}) text += " base64 " + base64(std::string(before) + asked.key);
  const std::string quoted = json_string(text);
  Answer answer;
  const std::string body = "{\"error\":{\"message\":" + quoted + ",\"type\":" + json_string("type " + asked.key) +
                           ",\"code\":" + json_string(asked.key) + ",\"metadata\":{\"key\":" + json_string(asked.key) +
                           "}}}";
  answer.bytes = "HTTP/1.1 " + std::to_string(s.status) + " " + reason_phrase(s.status) +
                 "\r\nContent-Type: application/json\r\nRetry-After: " + asked.key + "\r\nX-Echo: " + asked.key +
                 "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  answer.steps.push_back({answer.bytes.size(), 0});
  return answer;
}

// 64 MiB of blanks, packed.
std::string gzip_bomb() {
  constexpr size_t kPiece = 1 << 20;
  std::string blanks(kPiece, ' ');
  std::string out(1 << 18, '\0');
  z_stream stream{};
  if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  for (int piece = 0; piece < 64; ++piece) {
    stream.next_in = reinterpret_cast<Bytef*>(blanks.data());
    stream.avail_in = kPiece;
    deflate(&stream, piece == 63 ? Z_FINISH : Z_NO_FLUSH);
  }
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

// Heads that are wrong whatever the body.
std::optional<Answer> odd_answer(const Scenario& s, const Asked& asked) {
  Answer answer;
  auto text = [&](std::string bytes, Answer::Ending ending) {
    answer.bytes = std::move(bytes);
    answer.steps.push_back({answer.bytes.size(), 0});
    answer.ending = ending;
    return answer;
  };
  if (s.echo_key) return key_echo(s, asked);
  if (s.redirect)
    return text("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data\r\nContent-Length: 0\r\n\r\n",
                Answer::Ending::kKeepAlive);
  if (s.switch_protocols)
    return text("HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n",
                Answer::Ending::kStall);
  if (s.endless_head) {
    text("HTTP/1.1 200 OK\r\n", Answer::Ending::kRepeat);
    for (int i = 0; i < 512; ++i) answer.bytes += "X-Fill: " + std::string(56, 'x') + "\r\n";
    answer.steps.push_back({answer.bytes.size(), 0});
    return answer;
  }
  if (s.html200) return whole(200, "text/html", "<html><body>Please log in</body></html>\n");
  if (s.gzip_bomb) {
    auto packed = gzip_bomb();
    return text("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: " +
                    std::to_string(packed.size()) + "\r\n\r\n" + packed,
                Answer::Ending::kKeepAlive);
  }
  if (s.endless_body) {
    const bool stream = asked.stream && s.status == 200;
    text("HTTP/1.1 " + std::to_string(s.status) + " Status\r\nContent-Type: " +
             (stream ? "text/event-stream" : "application/json") + "\r\nTransfer-Encoding: chunked\r\n\r\n",
         Answer::Ending::kRepeat);
    answer.bytes += chunk(stream ? ": " + std::string(8188, 'x') + "\n\n" : std::string(8192, ' '));
    answer.steps.push_back({answer.bytes.size(), 0});
    return answer;
  }
  return std::nullopt;
}

// Faults of the bytes of an answer that is right in itself.
void spoil(const Scenario& s, Answer& answer) {
  auto insert = [&](size_t at, const std::string& what) {
    answer.bytes.insert(at, what);
    for (auto& step : answer.steps)
      if (step.end >= at) step.end += what.size();
  };
  if (!s.content_type.empty()) {
    auto from = answer.bytes.find("Content-Type: ") + 14;
    auto length = answer.bytes.find("\r\n", from) - from;
    answer.bytes.replace(from, length, s.content_type);
    for (auto& step : answer.steps) step.end = step.end + s.content_type.size() - length;
  }
  if (s.te_and_length) {
    bool chunked = answer.bytes.find("Transfer-Encoding: chunked\r\n") < answer.bytes.find("\r\n\r\n");
    auto end = answer.bytes.find("\r\n\r\n") + 4;
    if (!chunked) {
      auto body = chunk(answer.bytes.substr(end)) + "0\r\n\r\n";
      answer.bytes.resize(end);
      answer.bytes += body;
      answer.steps = {{answer.bytes.size(), 0}};
    }
    insert(answer.bytes.find("\r\n") + 2, chunked ? "Content-Length: 7\r\n" : "Transfer-Encoding: chunked\r\n");
  }
  std::string interim;
  for (int i = 0; i < s.interim; ++i)
    interim += i % 2 ? "HTTP/1.1 102 Processing\r\n\r\n" : "HTTP/1.1 100 Continue\r\n\r\n";
  insert(0, interim);
  if (s.trailing > 0) {
    answer.bytes += std::string(static_cast<size_t>(s.trailing), 'x');
    answer.steps.back().end = answer.bytes.size();
  }
  if (s.close_at != Scenario::kOff) {
    answer.bytes.resize(std::min(answer.bytes.size(), static_cast<size_t>(s.close_at)));
    answer.steps = {{answer.bytes.size(), 0}};
    answer.ending = Answer::Ending::kFin;
  }
}

Answer answer_of_kind(const Scenario& s, const Asked& asked, const std::string& recordings) {
  if (s.status != 200) return error_answer(s);
  if (asked.kind == Asked::Kind::kModels) {
    return make_json(R"({"object":"list","data":[{"id":"mock-model","object":"model","created":1770000000,"owned_by":)"
                     R"("mock"},{"id":"gpt-4o-mini","object":"model","created":1770000000,"owned_by":"mock"}]})");
  }
  if (asked.kind == Asked::Kind::kSpeech) return media_answer(s, asked, recordings);
  if (!s.recording.empty()) return recorded_answer(s, asked, recordings);
  if (asked.kind == Asked::Kind::kEmbedding) return plain_answer(s, embedding_body(s, asked));
  if (asked.kind >= Asked::Kind::kModeration) return media_answer(s, asked, recordings);
  const bool stream = asked.stream && !s.json_on_stream;
  if (s.empty200) return stream ? stream_answer(s, {"[DONE]"}) : plain_answer(s, "");
  return stream ? stream_answer(s, stream_payloads(s, asked)) : plain_answer(s, plain_body(s, asked));
}

}  // namespace

Answer make_answer(const Scenario& scenario, const Asked& asked, const std::string& recordings) {
  Answer answer;
  if (scenario.stall_head || scenario.cut_head) {
    answer.ending = scenario.cut_head ? Answer::Ending::kReset : Answer::Ending::kStall;
    answer.steps.push_back({0, scenario.slow_head_ms});
    return answer;
  }
  if (auto odd = odd_answer(scenario, asked)) return *odd;
  answer = answer_of_kind(scenario, asked, recordings);
  spoil(scenario, answer);
  answer.steps.front().delay_ms += scenario.slow_head_ms;
  return answer;
}

Answer make_error(int status, std::string_view message) {
  return whole(status, "application/json",
               "{\"error\":{\"message\":" + json_string(message) +
                   R"(,"type":"invalid_request_error","param":null,"code":"mock_misuse"}})");
}

Answer make_json(std::string_view body) { return whole(200, "application/json", body); }

std::string json_string(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out.push_back('"');
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> code{};
      std::snprintf(code.data(), code.size(), "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += code.data();
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    const size_t n = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k < 3; ++k) group = (group << 8) | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (size_t k = 0; k < 4; ++k) out.push_back(k <= n ? kDigits[(group >> (18 - 6 * k)) & 63] : '=');
  }
  return out;
}

}  // namespace tollgate::mock
