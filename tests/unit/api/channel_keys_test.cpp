#include "model/channel.h"
#include "unit/api/api_fixture.h"

namespace tollgate::api {
namespace {

class ChannelKeys : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    root_ = set_up_root();
  }
  // A channel with the keys k0…k3, of which k1 is off by hand and k2 and k3 went automatically.
  std::int64_t make() {
    model::Channel row;
    row.type = 1;
    row.key = "key-number-0\nk1\nk2\nk3";
    row.name = "four";
    row.models = "m";
    row.channel_info =
        R"({"is_multi_key":true,"multi_key_size":4,"multi_key_status_list":{"1":2,"2":3,"3":3},)"
        R"("multi_key_disabled_reason":{"2":"why2","3":"why3"},"multi_key_disabled_time":{"2":12,"3":13},)"
        R"("multi_key_polling_index":0,"multi_key_mode":"random"})";
    return model::create_channel(**db_->lease(), row)->value;
  }
  json::object manage(std::int64_t id, const std::string& rest) {
    return call("POST", "/api/channel/multi_key/manage", root_,
                R"({"channel_id":)" + std::to_string(id) + "," + rest + "}");
  }
  std::string said(std::int64_t id, const std::string& rest) { return message_of(manage(id, rest)); }
  model::Channel stored(std::int64_t id) { return **model::find_channel(**db_->lease(), core::ChannelId{id}); }
  Caller root_;
};

}  // namespace

TEST_F(ChannelKeys, TheListSaysWhichAreOffSinceWhenAndWhy) {
  const auto id = make();
  EXPECT_EQ(json_text(manage(id, R"("action":"get_key_status")")["data"]),
            R"({"keys":[{"index":0,"status":1,"key_preview":"key-number..."},)"
            R"({"index":1,"status":2,"key_preview":"k1"},)"
            R"({"index":2,"status":3,"disabled_time":12,"reason":"why2","key_preview":"k2"},)"
            R"({"index":3,"status":3,"disabled_time":13,"reason":"why3","key_preview":"k3"}],)"
            R"("total":4,"page":1,"page_size":50,"total_pages":1,"enabled_count":1,)"
            R"("manual_disabled_count":1,"auto_disabled_count":2})");
}

TEST_F(ChannelKeys, TheListIsFilteredAndPagedAndItsLastPageAnswersForThoseBehind) {
  const auto id = make();
  auto data = manage(id, R"("action":"get_key_status","status":3,"page":9,"page_size":1)")["data"].get_object();
  EXPECT_EQ(data.at("total").get_int64(), 2);
  EXPECT_EQ(data.at("page").get_int64(), 2);
  EXPECT_EQ(data.at("total_pages").get_int64(), 2);
  EXPECT_EQ(data.at("keys").at(0).at("index").get_int64(), 3);
  EXPECT_TRUE(manage(id, R"("action":"get_key_status","status":7)")["data"].at("keys").is_null());
}

TEST_F(ChannelKeys, SingleKeysAreSwitchedAndNothingIsSaidOfTheReasonByHand) {
  const auto id = make();
  EXPECT_EQ(said(id, R"("action":"enable_key","key_index":2)"), "密钥已启用");
  EXPECT_EQ(said(id, R"("action":"disable_key","key_index":3)"), "密钥已禁用");
  EXPECT_EQ(stored(id).channel_info, R"({"is_multi_key":true,"multi_key_size":4,"multi_key_status_list":{"1":2,"3":2},)"
                                     R"("multi_key_polling_index":0,"multi_key_mode":"random"})");
  EXPECT_EQ(channels_changed_, 2);
}

TEST_F(ChannelKeys, AllAreSwitchedAtOnce) {
  const auto id = make();
  EXPECT_EQ(said(id, R"("action":"enable_all_keys")"), "已启用 3 个密钥");
  EXPECT_EQ(said(id, R"("action":"disable_all_keys")"), "已禁用 4 个密钥");
  EXPECT_EQ(said(id, R"("action":"disable_all_keys")"), "没有可禁用的密钥");
  EXPECT_EQ(stored(id).status, 1) << "the channel's own status is not touched";
}

TEST_F(ChannelKeys, ARemovedKeyMovesTheStateOfThoseBehindIt) {
  const auto id = make();
  EXPECT_EQ(said(id, R"("action":"delete_key","key_index":1)"), "密钥已删除");
  auto row = stored(id);
  EXPECT_EQ(row.key, "key-number-0\nk2\nk3");
  EXPECT_NE(row.channel_info.find(R"("multi_key_size":3,"multi_key_status_list":{"1":3,"2":3},)"
                                  R"("multi_key_disabled_reason":{"1":"why2","2":"why3"})"),
            std::string::npos)
      << row.channel_info;
}

TEST_F(ChannelKeys, TheAutomaticallyDisabledAreRemovedTogetherButNeverTheLast) {
  const auto id = make();
  auto answer = manage(id, R"("action":"delete_disabled_keys")");
  EXPECT_EQ(message_of(answer), "已删除 2 个自动禁用的密钥");
  EXPECT_EQ(answer.at("data").get_int64(), 2);
  EXPECT_EQ(stored(id).key, "key-number-0\nk1");
  EXPECT_EQ(said(id, R"("action":"delete_disabled_keys")"), "没有需要删除的自动禁用密钥");
  EXPECT_EQ(said(id, R"("action":"delete_key","key_index":0)"), "密钥已删除");
  EXPECT_EQ(said(id, R"("action":"delete_key","key_index":0)"), "不能删除最后一个密钥");
}

TEST_F(ChannelKeys, RefusalsAreTheDocumentedOnesAndChangeNothing) {
  const auto id = make();
  const auto before = stored(id).channel_info;
  EXPECT_EQ(said(999, R"("action":"get_key_status")"), "渠道不存在");
  EXPECT_EQ(said(id, R"("action":"dance")"), "不支持的操作");
  EXPECT_EQ(said(id, R"("action":"disable_key")"), "未指定要禁用的密钥索引");
  EXPECT_EQ(said(id, R"("action":"enable_key")"), "未指定要启用的密钥索引");
  EXPECT_EQ(said(id, R"("action":"delete_key")"), "未指定要删除的密钥索引");
  EXPECT_EQ(said(id, R"("action":"enable_key","key_index":4)"), "密钥索引超出范围");
  EXPECT_EQ(said(id, R"("action":"delete_key","key_index":-1)"), "密钥索引超出范围");
  model::Channel single;
  single.key = "k";
  const auto other = model::create_channel(**db_->lease(), single)->value;
  EXPECT_EQ(said(other, R"("action":"get_key_status")"), "该渠道不是多密钥模式");
  EXPECT_EQ(stored(id).channel_info, before);
  EXPECT_EQ(channels_changed_, 0);
}

}  // namespace tollgate::api
