#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

// The stand-in provider, started as a process and asked over a socket: the end-to-end tests rest on what it does.
namespace {

class MockUpstream : public testing::Test {
 protected:
  void SetUp() override {
    std::string dir = testing::TempDir() + "mock_recordings_XXXXXX";
    ASSERT_NE(mkdtemp(dir.data()), nullptr);
    recordings_ = dir;
    int out[2];
    ASSERT_EQ(pipe(out), 0);
    child_ = fork();
    if (child_ == 0) {
      dup2(out[1], STDOUT_FILENO);
      ::close(out[0]);
      execl(MOCK_UPSTREAM_PROGRAM, "mock_upstream", "--port", "0", "--recordings", recordings_.c_str(), nullptr);
      _exit(127);
    }
    ::close(out[1]);
    std::string line;
    for (char c = 0; read(out[0], &c, 1) == 1 && c != '\n';) line.push_back(c);
    ::close(out[0]);
    const size_t colon = line.rfind(':');
    ASSERT_NE(colon, line.npos) << line;
    port_ = static_cast<uint16_t>(std::stoi(line.substr(colon + 1)));
  }

  void TearDown() override {
    if (child_ > 0) {
      kill(child_, SIGTERM);
      waitpid(child_, nullptr, 0);
    }
    std::filesystem::remove_all(recordings_);
  }

  int open_connection() const {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    timeval patience{20, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
  }

  static void say(int fd, std::string_view method, std::string_view path, std::string_view body) {
    const std::string request =
        std::string(method) + " " + std::string(path) +
        " HTTP/1.1\r\nHost: mock\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
        std::string(body);
    ASSERT_EQ(send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  }

  // Everything until the end; `reset` tells whether it ended by a reset.
  std::string ask(std::string_view path, std::string_view body, std::string_view method = "POST") {
    int fd = open_connection();
    say(fd, method, path, body);
    std::string all;
    char buffer[65536];
    ssize_t n = 0;
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0) all.append(buffer, static_cast<size_t>(n));
    reset_ = n < 0 && errno == ECONNRESET;
    ::close(fd);
    return all;
  }

  static size_t count(std::string_view text, std::string_view what) {
    size_t n = 0;
    for (size_t at = 0; (at = text.find(what, at)) != text.npos; at += what.size()) ++n;
    return n;
  }

  pid_t child_ = -1;
  uint16_t port_ = 0;
  bool reset_ = false;
  std::string recordings_;
};

constexpr std::string_view kPlain = R"({"model":"m","messages":[]})";
constexpr std::string_view kStream = R"({"model":"m","messages":[],"stream":true})";

TEST_F(MockUpstream, AnswersPlainRequestsWithTheUsageItWasTold) {
  const std::string answer = ask("/x/usage=7:11:3:2/v1/chat/completions", kPlain);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_NE(answer.find(R"("prompt_tokens":7,"completion_tokens":11,"total_tokens":18)"), answer.npos);
  EXPECT_NE(answer.find(R"("cached_tokens":3)"), answer.npos);
  EXPECT_NE(answer.find(R"("reasoning_tokens":2)"), answer.npos);
}

TEST_F(MockUpstream, StreamsSoManyEventsAndEndsWithDone) {
  const std::string answer = ask("/x/chunks=5/v1/chat/completions", kStream);
  EXPECT_EQ(count(answer, "data: {"), 6U);  // five and the finish reason
  EXPECT_EQ(count(answer, "data: [DONE]"), 1U);
  EXPECT_TRUE(answer.ends_with("0\r\n\r\n"));
}

TEST_F(MockUpstream, SendsTheUsageChunkOnlyWhenAsked) {
  EXPECT_EQ(count(ask("/v1/chat/completions", kStream), "\"usage\":{"), 0U);
  const std::string asked =
      ask("/v1/chat/completions", R"({"model":"m","stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_EQ(count(asked, "\"choices\":[],\"usage\":{"), 1U);
}

TEST_F(MockUpstream, LetsTheLastMessageOverrideThePath) {
  const std::string answer =
      ask("/x/chunks=5/v1/chat/completions",
          R"({"stream":true,"messages":[{"role":"user","content":"hi [[mock chunks=2 no_done]]"}]})");
  EXPECT_EQ(count(answer, "data: {"), 3U);
  EXPECT_EQ(count(answer, "[DONE]"), 0U);
}

TEST_F(MockUpstream, FailsWithTheStatusAndBodyItWasTold) {
  const std::string answer = ask("/x/status=429,retry_after=2,body=html/v1/chat/completions", kPlain);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 429 "));
  EXPECT_NE(answer.find("Retry-After: 2\r\n"), answer.npos);
  EXPECT_NE(answer.find("<html>"), answer.npos);
}

TEST_F(MockUpstream, CutsWithAResetAfterSoManyEvents) {
  const std::string answer = ask("/x/cut_after=2,delay_ms=20/v1/chat/completions", kStream);
  EXPECT_TRUE(reset_);
  EXPECT_LE(count(answer, "data: {"), 2U);
}

TEST_F(MockUpstream, ClosesInTheMiddleWithoutAReset) {
  const std::string answer = ask("/x/fin_after=2/v1/chat/completions", kStream);
  EXPECT_FALSE(reset_);
  EXPECT_EQ(count(answer, "data: {"), 2U);
  EXPECT_FALSE(answer.ends_with("0\r\n\r\n"));
}

TEST_F(MockUpstream, SendsAnErrorEventInTheMiddle) {
  const std::string answer = ask("/x/error_after=1/v1/chat/completions", kStream);
  EXPECT_EQ(count(answer, "data: {"), 2U);
  EXPECT_EQ(count(answer, "data: {\"error\":"), 1U);
  EXPECT_EQ(count(answer, "[DONE]"), 0U);
}

TEST_F(MockUpstream, PromisesMoreBytesThanItSends) {
  const std::string answer = ask("/x/lie_length/v1/chat/completions", kPlain);
  const size_t at = answer.find("Content-Length: ") + 16;
  EXPECT_GT(std::stoul(answer.substr(at)), answer.size() - answer.find("\r\n\r\n") - 4);
}

TEST_F(MockUpstream, FailsTheFirstRequestsOfAScenarioThenServes) {
  const std::string_view path = "/x/fail_first=2,status=500/v1/chat/completions";
  EXPECT_TRUE(ask(path, kPlain).starts_with("HTTP/1.1 500 "));
  EXPECT_TRUE(ask(path, kPlain).starts_with("HTTP/1.1 500 "));
  EXPECT_TRUE(ask(path, kPlain).starts_with("HTTP/1.1 200 "));
}

TEST_F(MockUpstream, PlaysRecordingsLineByLineAndByteForByte) {
  std::ofstream(recordings_ + "/a.chunks.txt") << "{\"x\": 1}\n{\"y\":\"\\u00e9\"}\n";
  std::ofstream(recordings_ + "/a.json") << "{ \"z\" : 1 }\n";
  const std::string stream = ask("/x/recording=a,batch/v1/chat/completions", kStream);
  EXPECT_NE(stream.find("data: {\"x\": 1}\n\ndata: {\"y\":\"\\u00e9\"}\n\ndata: [DONE]\n\n"), stream.npos);
  EXPECT_TRUE(ask("/x/recording=a/v1/chat/completions", kPlain).ends_with("\r\n\r\n{ \"z\" : 1 }\n"));
}

TEST_F(MockUpstream, RefusesAnUnknownKeySoThatAMisspeltTestFails) {
  EXPECT_TRUE(ask("/x/chunkz=5/v1/chat/completions", kPlain).starts_with("HTTP/1.1 400 "));
}

TEST_F(MockUpstream, TellsWhatItWasAskedAndWhoHungUp) {
  ask("/v1/chat/completions", kPlain);
  EXPECT_NE(ask("/_mock/requests", "", "GET").find(R"("body":"{\"model\":\"m\",\"messages\":[]}")"), std::string::npos);
  ask("/_mock/requests", "", "DELETE");
  EXPECT_TRUE(ask("/_mock/requests", "", "GET").ends_with("\r\n\r\n[]"));

  int fd = open_connection();
  say(fd, "POST", "/x/stall_after=1/v1/chat/completions", kStream);
  char first = 0;
  ASSERT_EQ(recv(fd, &first, 1, 0), 1);
  EXPECT_NE(ask("/_mock/stats", "", "GET").find(R"("answers_open":1,"aborted":0)"), std::string::npos);
  ::close(fd);
  std::string stats;
  for (int i = 0; i < 500 && stats.find("\"aborted\":1") == stats.npos; ++i) {
    stats = ask("/_mock/stats", "", "GET");
    usleep(10'000);
  }
  EXPECT_NE(stats.find(R"("aborted":1)"), stats.npos) << stats;
}

TEST_F(MockUpstream, AnswersEmbeddingsAsNumbersOrBase64) {
  const std::string numbers = ask("/x/dims=2/v1/embeddings", R"({"model":"e","input":["a","b"]})");
  EXPECT_EQ(count(numbers, "\"embedding\":[0.062500,0.125000]"), 2U);
  const std::string coded = ask("/x/dims=2/v1/embeddings", R"({"model":"e","input":"a","encoding_format":"base64"})");
  EXPECT_EQ(count(coded, R"("embedding":"AACAPQAAAD4=")"), 1U);
}

}  // namespace
