#include "server.h"

#include "form.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <simdjson.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <system_error>

namespace tollgate::mock {
namespace {

int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

// Reads what the answer depends on; a body that is not an object counts as an empty one.
Asked read_body(std::string_view body) {
  static simdjson::dom::parser parser;
  Asked asked;
  simdjson::dom::element document;
  if (parser.parse(body.data(), body.size()).get(document) != simdjson::SUCCESS) return asked;
  std::string_view text;
  if (document["model"].get(text) == simdjson::SUCCESS) asked.model = text;
  bool on = false;
  if (document["stream"].get(on) == simdjson::SUCCESS) asked.stream = on;
  if (document["stream_options"]["include_usage"].get(on) == simdjson::SUCCESS) asked.include_usage = on;
  if (document["encoding_format"].get(text) == simdjson::SUCCESS) asked.base64 = text == "base64";
  simdjson::dom::array inputs;
  if (document["input"].get(inputs) == simdjson::SUCCESS && inputs.size() > 0 && inputs.at(0).is_string()) {
    asked.inputs = inputs.size();
  }
  if (document["documents"].get(inputs) == simdjson::SUCCESS) asked.inputs = inputs.size();
  int64_t n = 1;
  if (document["n"].get(n) == simdjson::SUCCESS) asked.n = n;
  if (document["response_format"].get(text) == simdjson::SUCCESS) asked.audio_format = text;
  if (document["stream_format"].get(text) == simdjson::SUCCESS && text == "sse") asked.stream = true;
  if (document["tools"].at(0)["function"]["name"].get(text) == simdjson::SUCCESS) asked.tool = text;
  return asked;
}

Asked read_fields(const std::vector<FormPart>& parts) {
  Asked asked;
  asked.model = field(parts, "model");
  asked.stream = field(parts, "stream") == "true";
  asked.audio_format = field(parts, "response_format");
  const auto n = field(parts, "n");
  std::from_chars(n.data(), n.data() + n.size(), asked.n);
  return asked;
}

using Headers = std::vector<std::pair<std::string_view, std::string_view>>;

std::string_view header(const Headers& headers, std::string_view name) {
  for (auto [key, value] : headers)
    if (same_name(key, name)) return value;
  return {};
}

// Pictures are edited by a form or by JSON, the rest is always a form.
bool wanted_form(std::string_view path, const Headers& headers) {
  if (path.ends_with("/images/edits")) return !header(headers, "content-type").starts_with("application/json");
  return path.ends_with("/audio/transcriptions") || path.ends_with("/audio/translations");
}

// Takes one chunked body off the front of `in`. Returns the bytes used, 0 when more are needed.
size_t take_chunked(std::string_view in, std::string& body) {
  size_t at = 0;
  for (;;) {
    size_t line = in.find("\r\n", at);
    if (line == in.npos) return 0;
    size_t size = 0;
    std::from_chars(in.data() + at, in.data() + line, size, 16);
    at = line + 2;
    if (size == 0) {
      size_t end = in.find("\r\n", at);  // no trailers
      return end == in.npos ? 0 : end + 2;
    }
    if (in.size() < at + size + 2) return 0;
    body.append(in.substr(at, size));
    at += size + 2;
  }
}

}  // namespace

struct Server::Connection {
  int fd = -1;
  uint64_t id = 0;
  std::string in;
  std::shared_ptr<const Answer> answer;  // null between requests
  size_t step = 0, written = 0;
  bool waited = false;  // the delay of the current step is over
  bool waiting = false;
  bool writable_wanted = false;
  bool control = false;
  bool close_after = false;
  std::unique_ptr<Scenario> realtime;  // a WebSocket: frames come instead of requests
};

struct Server::Head {
  std::string_view method, path;
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  size_t content_length = 0;
  bool chunked = false, close = false, expects = false;
};

Server::Server(Options options) : options_(std::move(options)) {}

Server::~Server() {
  if (listener_ >= 0) ::close(listener_);
  if (epoll_ >= 0) ::close(epoll_);
}

uint16_t Server::listen() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) fail("epoll_create1");
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener_ < 0) fail("socket");
  int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options_.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("bind");
  if (::listen(listener_, 4096) != 0) fail("listen");
  socklen_t length = sizeof address;
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener_;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
  return ntohs(address.sin_port);
}

void Server::run() {
  std::array<epoll_event, 256> events{};
  for (;;) {
    int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), run_due());
    for (int i = 0; i < n; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      if (event.data.fd == listener_) {
        accept_all();
        continue;
      }
      Connection* c = connections_[static_cast<size_t>(event.data.fd)].get();
      if (c == nullptr) continue;
      if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        on_readable(*c);
      } else if ((event.events & EPOLLOUT) != 0) {
        if (pump(*c)) take_requests(*c);
      }
    }
  }
}

// Writes whose time has come. Returns how many milliseconds until the next, for epoll_wait.
int Server::run_due() {
  while (!due_.empty()) {
    const int64_t now = now_us();
    Due next = due_.top();
    if (next.at_us > now) return static_cast<int>((next.at_us - now + 999) / 1000);
    due_.pop();
    Connection* c = connections_[static_cast<size_t>(next.fd)].get();
    if (c == nullptr || c->id != next.id || !c->waiting) continue;
    c->waiting = false;
    c->waited = true;
    if (pump(*c)) take_requests(*c);
  }
  return -1;
}

void Server::accept_all() {
  for (;;) {
    int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connections_.size() <= static_cast<size_t>(fd)) connections_.resize(static_cast<size_t>(fd) + 1);
    auto c = std::make_unique<Connection>();
    c->fd = fd;
    c->id = next_id_++;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    connections_[static_cast<size_t>(fd)] = std::move(c);
    ++opened_;
    ++open_;
  }
}

void Server::on_readable(Connection& c) {
  static std::array<char, 256 * 1024> buffer;
  ssize_t n = recv(c.fd, buffer.data(), buffer.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    if (c.answer != nullptr && !c.control) ++aborted_;
    close(c, false);
    return;
  }
  c.in.append(buffer.data(), static_cast<size_t>(n));
  take_requests(c);
}

void Server::take_requests(Connection& c) {
  while (c.answer == nullptr && take_request(c)) {
    if (!pump(c)) return;
  }
}

// The same for the next frame of a realtime session.
bool Server::take_event(Connection& c) {
  unsigned opcode = 0;
  std::string payload;
  const size_t used = take_frame(c.in, opcode, payload);
  if (used == 0) return false;
  c.in.erase(0, used);
  c.answer = std::make_shared<Answer>(realtime_answer(*c.realtime, opcode, payload));
  ++busy_;
  c.step = c.written = 0;
  c.waited = false;
  return true;
}

// Starts the next whole request of the buffer; false when there is none.
bool Server::take_request(Connection& c) {
  if (c.realtime) return take_event(c);
  size_t end = c.in.find("\r\n\r\n");
  if (end == c.in.npos) return false;
  Head head;
  std::string_view text(c.in.data(), end + 2);
  size_t line = text.find("\r\n");
  std::string_view first = text.substr(0, line);
  size_t space = first.find(' ');
  head.method = first.substr(0, space);
  head.path = first.substr(space + 1, first.rfind(' ') - space - 1);
  text.remove_prefix(line + 2);
  while (!text.empty()) {
    line = text.find("\r\n");
    std::string_view field = text.substr(0, line);
    text.remove_prefix(line + 2);
    size_t colon = field.find(':');
    if (colon == field.npos) continue;
    std::string_view name = field.substr(0, colon);
    std::string_view value = field.substr(colon + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    head.headers.emplace_back(name, value);
    if (same_name(name, "content-length")) {
      std::from_chars(value.data(), value.data() + value.size(), head.content_length);
    } else if (same_name(name, "transfer-encoding")) {
      head.chunked = same_name(value, "chunked");
    } else if (same_name(name, "connection")) {
      head.close = same_name(value, "close");
    } else if (same_name(name, "expect")) {
      head.expects = true;
    }
  }
  const std::string_view rest = std::string_view(c.in).substr(end + 4);
  std::string unchunked;
  std::string_view body = rest.substr(0, std::min(rest.size(), head.content_length));
  size_t used = head.content_length;
  bool complete = rest.size() >= head.content_length;
  if (head.chunked) {
    used = take_chunked(rest, unchunked);
    body = unchunked;
    complete = used > 0;
  }
  if (!complete) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    if (head.expects && rest.empty()) (void)send(c.fd, kContinue.data(), kContinue.size(), MSG_NOSIGNAL);
    if (c.in.capacity() < end + 4 + used) c.in.reserve(end + 4 + used);
    return false;
  }
  if (head.path.starts_with("/_mock/")) {
    if (!c.control) --open_, --opened_;
    c.control = true;
    c.answer = control(head);
  } else {
    ++requests_;
    if (options_.keep_requests > 0) {
      if (seen_.size() == options_.keep_requests) seen_.pop_front();
      Seen seen{std::string(head.method), std::string(head.path), {}, {}, {}};
      std::vector<FormPart> parts;
      if (read_form(header(head.headers, "content-type"), body, parts).empty())
        seen.form = form_json(parts);
      else
        seen.body = body;
      for (auto [name, value] : head.headers) seen.headers.emplace_back(name, value);
      seen_.push_back(std::move(seen));
    }
    c.answer = answer_for(head, body);
    if (c.answer->bytes.starts_with(kRealtimeHead)) {
      c.realtime = std::make_unique<Scenario>();
      apply(*c.realtime, scenario_of_path(head.path), ",");
    }
  }
  if (!c.control) ++busy_;
  c.step = c.written = 0;
  c.waited = false;
  c.close_after = head.close;
  c.in.erase(0, end + 4 + used);
  return true;
}

std::shared_ptr<const Answer> Server::answer_for(const Head& head, std::string_view body) {
  const bool json = !header(head.headers, "content-type").starts_with("multipart/");
  Asked asked = json ? read_body(body) : Asked();
  std::string prompt;
  std::string_view path = head.path.substr(0, head.path.find('?'));
  if (wanted_form(path, head.headers)) {
    std::vector<FormPart> parts;
    if (auto wrong = read_form(header(head.headers, "content-type"), body, parts); !wrong.empty())
      return std::make_shared<Answer>(make_error(400, "mock: " + wrong));
    asked = read_fields(parts);
    prompt = field(parts, "prompt");
    body = prompt;
  }
  asked.edits = path.ends_with("/images/edits");
  if (path.ends_with("/chat/completions"))
    asked.kind = Asked::Kind::kChat;
  else if (path.ends_with("/completions"))
    asked.kind = Asked::Kind::kCompletion;
  else if (path.ends_with("/embeddings"))
    asked.kind = Asked::Kind::kEmbedding;
  else if (path.ends_with("/models"))
    asked.kind = Asked::Kind::kModels;
  else if (path.ends_with("/moderations"))
    asked.kind = Asked::Kind::kModeration;
  else if (path.ends_with("/images/generations") || asked.edits)
    asked.kind = Asked::Kind::kImage;
  else if (path.ends_with("/audio/speech"))
    asked.kind = Asked::Kind::kSpeech;
  else if (path.ends_with("/rerank"))
    asked.kind = Asked::Kind::kRerank;
  else if (path.ends_with("/audio/transcriptions") || path.ends_with("/audio/translations"))
    asked.kind = Asked::Kind::kTranscript;
  else if (!path.ends_with("/realtime"))
    return std::make_shared<Answer>(make_error(404, "mock: no such path " + std::string(path)));

  for (auto [name, value] : head.headers)
    if (same_name(name, "authorization") && value.starts_with("Bearer ")) asked.key = value.substr(7);

  const std::string in_path = scenario_of_path(path);
  const std::string in_body = directive_of_body(body);
  std::string key = in_path;
  for (std::string_view part : {std::string_view(in_body), std::string_view(asked.model), std::string_view(asked.tool),
                                std::string_view(asked.key)}) {
    key.append(1, '\n').append(part);
  }
  key.push_back(static_cast<char>('0' + static_cast<int>(asked.kind)));
  key.push_back(
      static_cast<char>('0' + (asked.stream ? 1 : 0) + (asked.include_usage ? 2 : 0) + (asked.base64 ? 4 : 0)));
  key += std::to_string(asked.inputs) + '\n' + std::to_string(asked.n) + '\n' + asked.audio_format +
         (asked.edits ? "\nedits" : "") + (path.ends_with("/realtime") ? "\nrealtime" : "");
  if (auto found = cache_.find(key); found != cache_.end()) return found->second;

  Scenario scenario;
  std::string wrong = apply(scenario, in_path, ",");
  if (wrong.empty()) wrong = apply(scenario, in_body, " ,");
  if (!wrong.empty()) return std::make_shared<Answer>(make_error(400, wrong));
  if (path.ends_with("/realtime") && (scenario.status == 200 || scenario.fail_first > 0)) {
    const auto key = header(head.headers, "sec-websocket-key");
    if (key.empty()) return std::make_shared<Answer>(make_error(426, "mock: a WebSocket is needed"));
    const bool fails = scenario.fail_first > 0 && failed_[in_path]++ < scenario.fail_first;
    const bool offers = !header(head.headers, "sec-websocket-protocol").empty();
    if (!fails && !scenario.stall_head && !scenario.cut_head)
      return std::make_shared<Answer>(realtime_opening(key, offers));
  }
  if (scenario.fail_first > 0) {
    if (failed_[in_path + '\n' + in_body]++ >= scenario.fail_first) scenario.status = 200;
    return std::make_shared<Answer>(make_answer(scenario, asked, options_.recordings));
  }
  auto answer = std::make_shared<Answer>(make_answer(scenario, asked, options_.recordings));
  if (answer->bytes.size() < (1 << 20)) {
    if (cache_.size() >= 1024) cache_.clear();
    cache_.emplace(std::move(key), answer);
  }
  return answer;
}

std::shared_ptr<const Answer> Server::control(const Head& head) {
  if (head.path == "/_mock/requests" && head.method == "DELETE") {
    seen_.clear();
    return std::make_shared<Answer>(make_json("{}"));
  }
  if (head.path == "/_mock/requests") return std::make_shared<Answer>(make_json(requests_json()));
  if (head.path == "/_mock/stats") {
    return std::make_shared<Answer>(
        make_json("{\"connections_open\":" + std::to_string(open_) +
                  ",\"connections_total\":" + std::to_string(opened_) + ",\"requests\":" + std::to_string(requests_) +
                  ",\"answers_open\":" + std::to_string(busy_) + ",\"aborted\":" + std::to_string(aborted_) + "}"));
  }
  return std::make_shared<Answer>(make_error(404, "mock: no such control path"));
}

std::string Server::requests_json() const {
  std::string out = "[";
  for (const Seen& seen : seen_) {
    if (out.size() > 1) out += ",";
    out += "{\"method\":" + json_string(seen.method) + ",\"path\":" + json_string(seen.path) + ",\"headers\":[";
    for (size_t i = 0; i < seen.headers.size(); ++i) {
      out += (i ? ",[" : "[") + json_string(seen.headers[i].first) + "," + json_string(seen.headers[i].second) + "]";
    }
    if (!seen.form.empty()) {
      out += "],\"form\":" + seen.form + "}";
      continue;
    }
    const bool text = simdjson::validate_utf8(seen.body.data(), seen.body.size());
    out += text ? "],\"body\":" + json_string(seen.body) + "}"
                : "],\"body_base64\":" + json_string(base64(seen.body)) + "}";
  }
  return out + "]";
}

bool Server::pump(Connection& c) {
  const Answer& answer = *c.answer;
  if (answer.ending == Answer::Ending::kRepeat && c.step == answer.steps.size() && c.step > 1) {
    c.step = answer.steps.size() - 1;
    c.written = answer.steps[c.step - 1].end;
  }
  while (c.step < answer.steps.size()) {
    const Answer::Step& step = answer.steps[c.step];
    if (step.delay_ms > 0 && !c.waited) {
      if (!c.waiting) due_.push({now_us() + step.delay_ms * 1000LL, c.fd, c.id});
      c.waiting = true;
      return true;
    }
    while (c.written < step.end) {
      ssize_t n = send(c.fd, answer.bytes.data() + c.written, step.end - c.written, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) {
        want_write(c, true);
        return true;
      }
      if (n < 0) {
        if (!c.control) ++aborted_;
        close(c, false);
        return false;
      }
      c.written += static_cast<size_t>(n);
    }
    ++c.step;
    c.waited = false;
  }
  if (answer.ending == Answer::Ending::kRepeat) {
    // Others get their turn between two rounds.
    want_write(c, true);
    return true;
  }
  want_write(c, false);
  if (answer.ending == Answer::Ending::kStall) return true;
  if (answer.ending != Answer::Ending::kKeepAlive || c.close_after) {
    close(c, answer.ending == Answer::Ending::kReset);
    return false;
  }
  c.answer.reset();
  if (!c.control) --busy_;
  return true;
}

void Server::want_write(Connection& c, bool on) {
  if (c.writable_wanted == on) return;
  c.writable_wanted = on;
  epoll_event event{};
  event.events = EPOLLIN | (on ? EPOLLOUT : 0U);
  event.data.fd = c.fd;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
}

void Server::close(Connection& c, bool reset) {
  if (reset) {
    linger now{1, 0};
    setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  if (c.answer != nullptr && !c.control) --busy_;
  if (!c.control) --open_;
  int fd = c.fd;
  connections_[static_cast<size_t>(fd)].reset();
  ::close(fd);
}

}  // namespace tollgate::mock
