// Forms between a client and an upstream, over real sockets: what is received, where it is kept, what is sent.
#include "relay/form.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <random>

#include "form_bytes.h"
#include "net/http_server.h"
#include "net/resolver.h"
#include "net/worker.h"

using namespace tollgate;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMiB = 1U << 20U;

std::string noise(std::size_t size) {
  std::minstd_rand random(7);
  std::string out(size, '\0');
  for (auto& c : out) c = static_cast<char>(random() >> 8U);
  return out;
}

// The program's forms, and those of a client that writes as browsers do.
struct Part {
  std::string head, bytes;
};
std::string client_form(const std::vector<Part>& parts) {
  std::string out;
  for (const auto& part : parts) out += "--xx\r\n" + part.head + "\r\n\r\n" + part.bytes + "\r\n";
  return out + "--xx--\r\n";
}
std::string field(const std::string& name) { return "Content-Disposition: form-data; name=\"" + name + "\""; }
std::string file(const std::string& name, const std::string& file_name, const std::string& type = "") {
  return field(name) + "; filename=\"" + file_name + "\"" + (type.empty() ? "" : "\r\nContent-Type: " + type);
}

class Forms : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("tollgate-forms-" + std::to_string(::getpid()));
    std::filesystem::create_directory(directory_);
    limits_.memory_bytes = kMiB;
    limits_.directory = directory_;
    worker_ = std::make_unique<net::Worker>(0, resolver_, net::UpstreamSettings());
    net::ServerSettings settings;
    settings.listen = {"127.0.0.1:0"};
    settings.body_timeout = 500ms;
    server_ = std::make_unique<net::Server>(settings, std::vector{worker_.get()},
                                            [this](net::Exchange& exchange) { return handle(exchange); });
    ASSERT_TRUE(server_->bind());
    worker_->start();
    ASSERT_TRUE(server_->listen());
  }
  void TearDown() override {
    worker_->stop();
    worker_->join();
    spool_.stop();
    server_->close();
    worker_.reset();
    std::filesystem::remove_all(directory_);
  }

  net::awaitable<void> handle(net::Exchange& exchange) {
    auto form = co_await relay::receive_form(exchange, spool_, limits_);
    on_disk_ = spool_.bytes_on_disk();
    files_ = static_cast<int>(std::distance(std::filesystem::directory_iterator(directory_), {}));
    if (!form) {
      error_ = form.error();
      co_await exchange.answer(400, {}, form.error().message);
      co_return;
    }
    for (const auto& part : form->parts) stored_.push_back(part.file != nullptr);
    // Twice, as for a second attempt.
    for (auto* out : {&first_, &second_}) {
      relay::FormBody body(*form, model_);
      for (auto* round : {out, &again_}) {
        round->clear();
        body.rewind();
        for (;;) {
          auto pieces = co_await body.next();
          if (!pieces || pieces->empty()) break;
          for (auto piece : *pieces) *round += piece;
        }
      }
      stable_ = stable_ && again_ == *out && body.size() == out->size();
      types_.push_back(body.content_type());
    }
    co_await exchange.answer(200, {}, "ok");
  }

  // Sends the whole and waits for the answer's head. `pieces`: cut into so many.
  std::string post(const std::string& body, const std::string& framing = "", std::size_t pieces = 1) {
    int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    timeval limit{10, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return "no connection";
    auto send = [fd](std::string_view text) {
      while (!text.empty()) {
        auto sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(sent));
      }
    };
    send("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=xx\r\n" +
         (framing.empty() ? "Content-Length: " + std::to_string(body.size()) + "\r\n" : framing) + "\r\n");
    if (framing.find("chunked") == std::string::npos) {
      send(body);
    } else {
      const auto step = body.size() / pieces + 1;
      for (std::size_t at = 0; at < body.size(); at += step) {
        auto piece = body.substr(at, step);
        char size[24];
        std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
        send(size + piece + "\r\n");
      }
      send("0\r\n\r\n");
    }
    std::string answer(4096, '\0');
    auto got = ::recv(fd, answer.data(), answer.size(), 0);
    ::close(fd);
    answer.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return answer;
  }

  test::ReadForm sent() const { return test::read_form(*net::form_boundary(types_.at(0)), first_); }

  relay::FormLimits limits_;
  std::string model_;
  net::Resolver resolver_;
  relay::Spool spool_;
  std::filesystem::path directory_;
  std::unique_ptr<net::Worker> worker_;
  std::unique_ptr<net::Server> server_;
  // What the handler saw; read after its answer came.
  core::Error error_;
  std::uint64_t on_disk_ = 0;
  int files_ = -1;
  std::vector<bool> stored_;
  std::string first_, second_, again_;
  std::vector<std::string> types_;
  bool stable_ = true;
};

}  // namespace

TEST_F(Forms, F1_ArriveWithEveryPartByteForByteAndOnlyTheModelChanged) {
  model_ = "upstream-model";
  auto image = noise(3000);
  auto answer = post(client_form({{field("model"), "whisper-1"},
                                  {field("temperature"), "0.20"},
                                  {field("include[]"), "logprobs"},
                                  {field("include[]"), "more"},
                                  {field("made_up"), "  kept \r\n as it is "},
                                  {file("image[]", "a b.png", "image/png"), image},
                                  {file("image[]", "empty.png", "image/png"), ""},
                                  {file("mask", "größe.png"), "\r\n--x is no end\r\n"}}));
  ASSERT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  auto form = sent();
  ASSERT_EQ(form.refusal, "");
  std::vector<test::ReadPart> expected{
      {{"model", false, "", ""}, "upstream-model", true},
      {{"temperature", false, "", ""}, "0.20", true},
      {{"include[]", false, "", ""}, "logprobs", true},
      {{"include[]", false, "", ""}, "more", true},
      {{"made_up", false, "", ""}, "  kept \r\n as it is ", true},
      {{"image[]", true, "a b.png", "image/png"}, image, true},
      {{"image[]", true, "empty.png", "image/png"}, "", true},
      {{"mask", true, "größe.png", "application/octet-stream"}, "\r\n--x is no end\r\n", true}};
  EXPECT_EQ(form.parts, expected);
  EXPECT_TRUE(stable_);
  EXPECT_NE(types_[0], types_[1]) << "each attempt has a boundary of its own";
  EXPECT_EQ(first_.find("--xx\r\n"), std::string::npos);
  EXPECT_EQ(files_, 0);
}

TEST_F(Forms, P2_KeepFilesAboveTheThresholdOnDiskUnderNoName) {
  auto small = noise(kMiB / 2);
  auto large = noise(5 * kMiB + 17);
  auto answer = post(client_form({{field("model"), "m"}, {file("a", "a.bin"), small}, {file("b", "b.bin"), large}}));
  ASSERT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  EXPECT_EQ(stored_, (std::vector{false, false, true}));
  EXPECT_EQ(on_disk_, large.size());
  EXPECT_EQ(files_, 0) << "nobody else can open it";
  auto form = sent();
  ASSERT_EQ(form.parts.size(), 3U);
  EXPECT_EQ(form.parts[1].bytes, small);
  EXPECT_EQ(form.parts[2].bytes, large);
  EXPECT_TRUE(stable_);
  EXPECT_EQ(spool_.bytes_on_disk(), 0U);
}

TEST_F(Forms, P2_CountFilesTogetherAgainstTheThreshold) {
  auto part = noise(kMiB * 2 / 5);
  auto answer = post(
      client_form({{file("a", "a"), part}, {file("b", "b"), part}, {file("c", "c"), part}, {file("d", "d"), part}}));
  ASSERT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  EXPECT_EQ(stored_, (std::vector{false, false, true, true}));
  for (const auto& stored : sent().parts) EXPECT_EQ(stored.bytes, part);
}

TEST_F(Forms, AreReadInChunksToo) {
  auto large = noise(3 * kMiB);
  auto answer =
      post(client_form({{field("model"), "m"}, {file("a", "a.bin"), large}}), "Transfer-Encoding: chunked\r\n", 37);
  ASSERT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  EXPECT_EQ(sent().parts.at(1).bytes, large);
}

TEST_F(Forms, AreRefusedAboveTheLimitOfABody) {
  limits_.body_bytes = kMiB;
  auto body = client_form({{file("a", "a.bin"), noise(kMiB)}});
  post(body, "Content-Length: " + std::to_string(body.size()) + "\r\n");
  EXPECT_EQ(error_.code, core::Errc::kTooLarge);
  post(body, "Transfer-Encoding: chunked\r\n", 5);
  EXPECT_EQ(error_.code, core::Errc::kTooLarge);
}

TEST_F(Forms, AreRefusedWhenTheyDoNotEnd) {
  post("--xx\r\n" + field("model") + "\r\n\r\nm\r\n");
  EXPECT_EQ(error_.code, core::Errc::kInvalid);
  EXPECT_EQ(error_.message, "the form ends before its closing boundary");
  post("");
  EXPECT_EQ(error_.code, core::Errc::kInvalid);
}

TEST_F(Forms, SayThatThereIsNoRoomWhenTheBoundOfAllUploadsIsReached) {
  limits_.disk_bytes = 2 * kMiB;
  post(client_form({{file("a", "a.bin"), noise(4 * kMiB)}}));
  EXPECT_EQ(error_.code, core::Errc::kUnavailable);
  EXPECT_EQ(error_.message, "there is no room for the upload");
  EXPECT_EQ(spool_.bytes_on_disk(), 0U);
}

TEST_F(Forms, SayThatTheyCannotBeStoredWhenTheDirectoryIsNoDirectory) {
  limits_.directory = directory_ / "missing";
  post(client_form({{file("a", "a.bin"), noise(2 * kMiB)}}));
  EXPECT_EQ(error_.code, core::Errc::kInternal);
}

TEST_F(Forms, LeaveNothingOnDiskWhenTheClientHangsUpInTheMiddle) {
  auto body = client_form({{file("a", "a.bin"), noise(4 * kMiB)}});
  // More is announced than comes.
  post(body.substr(0, 3 * kMiB), "Content-Length: " + std::to_string(body.size()) + "\r\n");
  EXPECT_EQ(error_.code, core::Errc::kTimeout);
  EXPECT_EQ(spool_.bytes_on_disk(), 0U);
}
