// Keys in the group "auto": the user's auto groups one after the other, the price and the name of the group that served.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually, startAll } from "../lib/gateway.mjs";

const body = (model) => JSON.stringify({ model, messages: [{ role: "user", content: "hi" }] });

describe("auto groups", { timeout: 120_000 }, () => {
  let all;
  const names = new Map(); // channel id → name

  before(async () => {
    all = await startAll();
    await all.admin.option("UserUsableGroups", JSON.stringify({ default: "", a: "", b: "", auto: "" }));
    await all.admin.option("GroupRatio", JSON.stringify({ default: 1, a: 2, b: 3 }));
    await all.admin.option("ModelRatio", JSON.stringify({ falls: 10, serves: 10 }));
    await all.admin.option("AutoGroups", JSON.stringify(["a", "b"]));
    await all.admin.option("RetryTimes", "1");
    const channel = (model, group, priority, scenario) =>
      all.admin.channel({ name: `${model} ${group}${priority}`, models: model, group, priority, base_url: all.mock.base(scenario) });
    for (const group of ["a", "b"])
      for (const priority of [1, 0]) await channel("falls", group, priority, "status=500");
    for (const priority of [1, 0]) await channel("serves", "a", priority, "status=500");
    await channel("serves", "b", 0, "usage=100:50");
    const { items } = await all.admin.call("GET", "/api/channel/?p=1&page_size=100");
    for (const { id, name } of items) names.set(String(id), name);
  });
  after(() => all?.stop());

  async function ask(model, token) {
    const response = await fetch(`${all.gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token.key}`, "Content-Type": "application/json" },
      body: body(model),
    });
    return { status: response.status, id: response.headers.get("x-oneapi-request-id"), answer: await response.json() };
  }
  const auto = (cross_group_retry) => all.admin.token({ group: "auto", cross_group_retry });
  const asked = async () => (await all.mock.requests()).length;

  it("with cross_group_retry: each group has its attempts, then no channel is left", async () => {
    await all.mock.clear();
    const { status, answer } = await ask("falls", await auto(true));
    assert.equal(status, 500);
    assert.equal(answer.error.code, "get_channel_failed");
    assert.match(answer.error.message, /^分组 auto 下模型 falls 的可用渠道不存在（retry）/);
    assert.equal(await asked(), 4);
  });

  it("without it: the first group with a channel, and its last error", async () => {
    await all.mock.clear();
    const { status, answer } = await ask("falls", await auto(false));
    assert.equal(status, 500);
    assert.notEqual(answer.error.code, "get_channel_failed");
    assert.equal(await asked(), 2);
  });

  it("B10 a dearer group needs room for its price", async () => {
    const limited = (remain_quota) => all.admin.token({ group: "auto", cross_group_retry: true, unlimited_quota: false, remain_quota });
    await all.mock.clear();
    // 500 tokens are 10,000 in group a and 15,000 in group b.
    const { status, answer } = await ask("serves", await limited(12_000));
    assert.equal(status, 403);
    assert.equal(answer.error.code, "pre_consume_token_quota_failed");
    assert.match(answer.error.message, /token remain quota: ＄0.024000, need quota: ＄0.030000/);
    assert.equal(await asked(), 2);
    assert.equal((await ask("serves", await limited(15_000))).status, 200);
  });

  it("the group that served is priced and stands in the log", async () => {
    const { status, id } = await ask("serves", await auto(true));
    assert.equal(status, 200);
    const row = await all.admin.row(id);
    assert.equal(row.group, "b");
    assert.equal(JSON.parse(row.other).group_ratio, 3);
    assert.equal(row.quota, (100 + 50) * 10 * 3);
    assert.deepEqual(
      JSON.parse(row.other).admin_info.use_channel.map((channel) => names.get(channel)),
      ["serves a1", "serves a0", "serves b0"],
    );
  });

  it("no group with a channel, and no auto groups at all", async () => {
    const token = await auto(true);
    const none = await ask("unknown", token);
    assert.equal(none.status, 503);
    assert.equal(none.answer.error.code, "model_not_found");
    assert.match(none.answer.error.message, /^分组 auto 下模型 unknown 无可用渠道（distributor）/);
    await all.admin.option("AutoGroups", "[]");
    const off = await eventually(async () => {
      const answer = await ask("serves", token);
      return answer.status === 503 && answer;
    }, "auto groups off");
    assert.match(off.answer.error.message, /^获取分组 auto\(auto\) 下模型 serves 的可用渠道失败（distributor）: auto groups is not enabled/);
  });
});
