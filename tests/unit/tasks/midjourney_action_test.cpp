#include "tasks/midjourney_action.h"

#include <gtest/gtest.h>

namespace tollgate::tasks {
namespace {

std::string said(const core::Result<MidjourneyAction>& result) {
  if (!result) return "! " + result.error().message;
  return result->action + " " + std::to_string(result->index) + (result->task_id.empty() ? "" : " " + result->task_id);
}

TEST(MidjourneyAction, ButtonsNameActionAndPicture) {
  EXPECT_EQ(said(button_action("MJ::JOB::upsample::2::3dbbd469")), "UPSCALE 2");
  EXPECT_EQ(said(button_action("MJ::JOB::variation::3::3dbbd469")), "VARIATION 3");
  EXPECT_EQ(said(button_action("MJ::JOB::low_variation::1::3dbbd469::SOLO")), "LOW_VARIATION 1");
  EXPECT_EQ(said(button_action("MJ::JOB::high_variation::1::3dbbd469::SOLO")), "HIGH_VARIATION 1");
  EXPECT_EQ(said(button_action("MJ::JOB::pan_left::1::3dbbd469::SOLO")), "PAN 1");
  EXPECT_EQ(said(button_action("MJ::JOB::reroll::0::3dbbd469::SOLO")), "REROLL 1");
  EXPECT_EQ(said(button_action("MJ::Outpaint::50::1::3dbbd469::SOLO")), "ZOOM 1");
  EXPECT_EQ(said(button_action("MJ::CustomZoom::3dbbd469")), "CUSTOM_ZOOM 1");
  EXPECT_EQ(said(button_action("MJ::Inpaint::1::3dbbd469::SOLO")), "INPAINT 1");
}

TEST(MidjourneyAction, Q42ButtonsThatNameNothingAreRefused) {
  EXPECT_EQ(said(button_action("")), "! custom_id_is_required");
  EXPECT_EQ(said(button_action("no colons")), "! unknown_action");
  EXPECT_EQ(said(button_action("MJ::JOB")), "! unknown_action");
  EXPECT_EQ(said(button_action("MJ::JOB::")), "! unknown_action");
  EXPECT_EQ(said(button_action("MJ::Bookmark::1")), "! unknown_action:MJ::Bookmark::1");
  EXPECT_EQ(said(button_action("MJ::JOB::upsample")), "! index_parse_failed");
  EXPECT_EQ(said(button_action("MJ::JOB::upsample::x::1")), "! index_parse_failed");
}

TEST(MidjourneyAction, Q41SimpleChangesAreRead) {
  EXPECT_EQ(said(simple_change("0741 U2")), "UPSCALE 2 0741");
  EXPECT_EQ(said(simple_change("0741 v4")), "VARIATION 4 0741");
  EXPECT_EQ(said(simple_change("0741 R")), "REROLL 0 0741");
  for (const char* text : {"", "0741", "0741 U5", "0741 U0", "0741 U12", "0741 X1", "0741  U1", "0741 U1 more"})
    EXPECT_EQ(said(simple_change(text)), "! content_parse_failed") << text;
}

TEST(MidjourneyAction, RoutesNameModels) {
  auto model = [](std::string_view route, std::string_view body) {
    auto what = midjourney_action(route, body);
    return what ? midjourney_model(what->action) : "! " + what.error().message;
  };
  EXPECT_EQ(model("imagine", "{}"), "mj_imagine");
  EXPECT_EQ(model("upload-discord-images", "{}"), "mj_upload");
  EXPECT_EQ(model("swap", "{}"), "swap_face");
  EXPECT_EQ(model("change", R"({"action":"UPSCALE","index":2})"), "mj_upscale");
  EXPECT_EQ(model("action", R"({"customId":"MJ::Inpaint::1::x"})"), "mj_inpaint");
  EXPECT_EQ(model("imagine", "["), "! 无效的midjourney请求, the body must be a JSON object");
}

TEST(MidjourneyAction, FreeActions) {
  EXPECT_TRUE(is_free("INPAINT"));
  EXPECT_TRUE(is_free("CUSTOM_ZOOM"));
  EXPECT_FALSE(is_free("ZOOM"));
}

TEST(MidjourneyAction, Q40ADashedModeIsDroppedFromThePathAnotherOneStays) {
  EXPECT_EQ(midjourney_path("/mj-fast/mj/submit/imagine", ""), "/mj/submit/imagine");
  EXPECT_EQ(midjourney_path("/fast/mj/submit/imagine", "a=b"), "/fast/mj/submit/imagine?a=b");
  EXPECT_EQ(midjourney_path("/mj/submit/imagine", ""), "/mj/submit/imagine");
}

}  // namespace
}  // namespace tollgate::tasks
