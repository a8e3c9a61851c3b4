#include "dialect/realtime_events.h"

#include <gtest/gtest.h>

namespace tollgate::dialect {
namespace {

// With the spare bytes behind it.
class Text {
 public:
  explicit Text(std::string text) : text_(std::move(text)), size_(text_.size()) { text_.append(64, '\0'); }
  operator std::string_view() const { return {text_.data(), size_}; }  // NOLINT

 private:
  std::string text_;
  std::size_t size_;
};

RealtimeEvent client(const std::string& text) { return read_client_event(Text(text)); }
RealtimeEvent server(const std::string& text) { return read_server_event(Text(text)); }
using Kind = RealtimeEvent::Kind;

std::string append(std::size_t bytes) {
  return R"({"type":"input_audio_buffer.append","audio":")" + std::string(bytes / 3 * 4, 'A') + R"("})";
}
constexpr const char* kDone = R"({"type":"response.done","response":{"usage":null}})";

TEST(RealtimeEvents, ReadTheUsageOfAResponseWithAudioApart) {
  auto event = server(R"({"response":{"id":"r","usage":{"total_tokens":520,"input_tokens":350,"output_tokens":170,
      "input_token_details":{"text_tokens":50,"audio_tokens":300,"cached_tokens":64,"cached_tokens_details":{"text_tokens":64}},
      "output_token_details":{"text_tokens":20,"audio_tokens":150}}},"type":"response.done"})");
  EXPECT_EQ(event.kind, Kind::kResponseDone);
  ASSERT_TRUE(event.usage);
  EXPECT_EQ(event.usage->prompt_text_tokens, 50);
  EXPECT_EQ(event.usage->prompt_audio_tokens, 300);
  EXPECT_EQ(event.usage->completion_text_tokens, 20);
  EXPECT_EQ(event.usage->completion_audio_tokens, 150);
  EXPECT_EQ(event.usage->total_tokens, 520);
}

TEST(RealtimeEvents, CountWhatIsNeitherTextNorAudioAsText) {
  auto usage =
      server(R"({"type":"response.done","response":{"usage":{"total_tokens":30,"input_tokens":20,"output_tokens":10,
      "input_token_details":{"text_tokens":5,"audio_tokens":3,"image_tokens":12}}}})")
          .usage;
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->prompt_text_tokens, 17);
  EXPECT_EQ(usage->completion_text_tokens, 10);
}

TEST(RealtimeEvents, RefuseFiguresThatCannotBe) {
  auto event = server(R"({"type":"response.done","response":{"usage":{"input_tokens":-1,"output_tokens":2}}})");
  EXPECT_FALSE(event.usage);
  EXPECT_TRUE(event.usage_refused);
}

TEST(RealtimeEvents, HaveNamesOfBothGenerations) {
  for (const char* type : {"response.text.delta", "response.output_text.delta", "response.audio_transcript.delta",
                           "response.output_audio_transcript.delta", "response.function_call_arguments.delta"})
    EXPECT_EQ(server(std::string(R"({"type":")") + type + R"(","delta":"a\u00e4\n"})").text, "a\u00e4\n") << type;
  for (const char* type : {"response.audio.delta", "response.output_audio.delta"})
    EXPECT_EQ(server(std::string(R"({"delta":"AAAA\/AA=","type":")") + type + R"("})").audio_bytes, 5) << type;
}

TEST(RealtimeEvents, KnowATypeHoweverItIsWritten) {
  EXPECT_EQ(server(R"({"type":"response\u002edone","response":{}})").kind, Kind::kResponseDone);
  EXPECT_EQ(server(R"({"type":"error","error":{"message":"x"}})").kind, Kind::kError);
}

TEST(RealtimeEvents, LetTextsThatAreNoEventsPass) {
  for (const char* text : {"", "null", "[]", "{", R"({"type":1})", R"({"type":"response.done)", "no json",
                           R"({"type":"response.done","response":[1]})"}) {
    EXPECT_FALSE(server(text).usage) << text;
    EXPECT_EQ(client(text).text, "") << text;
  }
}

TEST(RealtimeEvents, OfClientsSayWhatIsSentToTheModel) {
  auto item = client(R"({"type":"conversation.item.create","item":{"type":"message","role":"user","content":[
      {"type":"input_text","text":"Hi"},{"type":"input_audio","audio":"AAAA"},{"text":"there","type":"input_text"}]}})");
  EXPECT_EQ(item.text, "Hi\nthere");
  EXPECT_EQ(item.audio_bytes, 3);
  EXPECT_EQ(client(R"({"type":"conversation.item.create","item":{"type":"function_call_output","output":"42"}})").text,
            "42");
  EXPECT_EQ(client(R"({"type":"response.create","response":{"instructions":"Be short."}})").text, "Be short.");
  auto session =
      client(R"({"type":"session.update","session":{"instructions":"Be kind.","tools":[{"name":"a"},{"name":"b"}],
      "input_audio_format":"g711_ulaw","audio":{"output":{"format":{"type":"audio/pcmu"}}}}})");
  EXPECT_EQ(session.text, "Be kind.");
  ASSERT_TRUE(session.tools);
  EXPECT_EQ(session.tools->size(), 2U);
  EXPECT_EQ(session.input_pcm, false);
  EXPECT_EQ(session.output_pcm, false);
}

TEST(RealtimeEvents, NameTheModelThatASessionWants) {
  EXPECT_EQ(client(R"({"type":"session.update","session":{"model":"a"}})").model, "a");
  EXPECT_EQ(client(R"({"type":"session.update","session":{"model":"a","Mode\u006c":"b"}})").model, "b");
  EXPECT_FALSE(client(R"({"type":"session.update","session":{"voice":"a"}})").model);
  EXPECT_FALSE(server(R"({"type":"session.updated","session":{"model":"a"}})").model);
}

TEST(RealtimeMeter, CountsAudioByItsLengthAndFormat) {
  RealtimeMeter meter("gpt-4o-realtime-preview");
  meter.add(client(append(172'800)));  // 3.6 s of 24 kHz and 16 bit
  EXPECT_EQ(meter.total().prompt_audio_tokens, 100);
  meter.add(server(R"({"type":"session.updated","session":{"audio":{"input":{"format":{"type":"audio/pcmu"}}}}})"));
  meter.add(client(append(28'800)));  // 3.6 s of 8 kHz and 8 bit
  EXPECT_EQ(meter.total().prompt_audio_tokens, 200);
  meter.add(server(R"({"type":"response.audio.delta","delta":")" + std::string(691'200 / 3 * 4, 'A') + R"("})"));
  EXPECT_EQ(meter.total().completion_audio_tokens, 200);  // 14.4 s
}

TEST(RealtimeMeter, SEC77_AddsUpPiecesThatAreTooShortForAToken) {
  RealtimeMeter meter("gpt-4o-realtime-preview");
  for (int i = 0; i < 180; ++i) meter.add(client(append(960)));  // 20 ms each
  EXPECT_EQ(meter.total().prompt_audio_tokens, 100);
}

TEST(RealtimeMeter, TakesTheReportOfAResponseInPlaceOfItsOwnCount) {
  RealtimeMeter meter("gpt-4o-realtime-preview");
  meter.add(client(append(172'800)));
  EXPECT_TRUE(meter.counted());
  meter.add(server(
      R"({"type":"response.done","response":{"usage":{"total_tokens":15,"input_tokens":12,"output_tokens":3}}})"));
  EXPECT_FALSE(meter.counted());
  EXPECT_EQ(meter.total().prompt_tokens, 12);
  EXPECT_EQ(meter.total().total_tokens, 15);
  meter.add(server(
      R"({"type":"response.done","response":{"usage":{"total_tokens":15,"input_tokens":12,"output_tokens":3}}})"));
  EXPECT_EQ(meter.total().total_tokens, 30);
  EXPECT_EQ(meter.responses(), 2);
}

TEST(RealtimeMeter, T30_CountsAResponseWithoutReportAndItsToolsFromTheSecondOn) {
  RealtimeMeter meter("gpt-4o-realtime-preview");
  meter.add(client(R"({"type":"session.update","session":{"tools":[{"name":"a"}]}})"));
  meter.add(server(R"({"type":"response.text.delta","delta":"hello"})"));
  meter.add(server(kDone));
  const auto first = meter.total();
  EXPECT_GT(first.completion_text_tokens, 0);
  EXPECT_EQ(first.prompt_tokens, 0);
  EXPECT_TRUE(meter.counted());
  meter.add(server(kDone));
  EXPECT_GT(meter.total().prompt_text_tokens, 8);
  EXPECT_FALSE(meter.pending());
}

TEST(RealtimeMeter, B4_DoesNotCountErrors) {
  RealtimeMeter meter("gpt-4o-realtime-preview");
  meter.add(server(R"({"type":"error","error":{"message":"a long text of the upstream about what is wrong"}})"));
  EXPECT_EQ(meter.total().total_tokens, 0);
}

}  // namespace
}  // namespace tollgate::dialect
