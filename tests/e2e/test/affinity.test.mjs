// Requests that share a key meet the channel that answered it last.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { eventually, startAll } from "../lib/gateway.mjs";

let counter = 0;

describe("channel affinity", { timeout: 120_000 }, () => {
  let all, token;

  const rule = (fields) => ({
    name: "conversation",
    model_regex: ["^talk-"],
    path_regex: ["/v1/chat/completions"],
    key_sources: [{ type: "gjson", path: "metadata.thread" }],
    include_using_group: true,
    include_rule_name: true,
    ...fields,
  });
  async function rules(...list) {
    await all.admin.option("channel_affinity_setting.rules", JSON.stringify(list));
  }

  before(async () => {
    all = await startAll();
    token = await all.admin.token();
    await all.admin.option("RetryTimes", "1");
  });
  after(() => all?.stop());
  beforeEach(() => all.mock.clear());

  /** A model of its own with channels of one priority; answers their ids. */
  async function model(...scenarios) {
    const name = `talk-${++counter}`;
    const ids = [];
    for (const [i, scenario] of scenarios.entries()) {
      const fields = typeof scenario === "string" ? { base_url: all.mock.base(scenario) } : scenario;
      await all.admin.channel({ name: `${name} ${i}`, models: name, weight: 1, ...fields });
    }
    const { items } = await all.admin.call("GET", "/api/channel/?p=1&page_size=100");
    for (const i of scenarios.keys()) ids.push(items.find((item) => item.name === `${name} ${i}`).id);
    return { name, ids };
  }
  async function ask(name, thread, { as = token, headers = {} } = {}) {
    const response = await fetch(`${all.gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { Authorization: `Bearer ${as.key}`, "Content-Type": "application/json", ...headers },
      body: JSON.stringify({ model: name, messages: [{ role: "user", content: "hi" }], metadata: { thread } }),
    });
    await response.text();
    return { status: response.status, id: response.headers.get("x-oneapi-request-id") };
  }
  /** Channel and affinity of the request's row. */
  async function served(name, thread, options) {
    const { status, id } = await ask(name, thread, options);
    assert.equal(status, 200);
    const row = await all.admin.row(id);
    return { channel: row.channel, affinity: JSON.parse(row.other).admin_info.channel_affinity, row };
  }

  it("keeps a key on the channel that answered it, and says so in the log", async () => {
    await rules(rule());
    const { name } = await model("usage=5:5", "usage=5:5", "usage=5:5");
    const first = await served(name, "a thread of some length");
    assert.equal(first.affinity, undefined);
    for (let i = 0; i < 8; ++i) {
      const { channel, affinity } = await served(name, "a thread of some length");
      assert.equal(channel, first.channel);
      assert.deepEqual(affinity, {
        reason: "conversation",
        rule_name: "conversation",
        using_group: "default",
        selected_group: "default",
        model: name,
        request_path: "/v1/chat/completions",
        channel_id: first.channel,
        key_source: "gjson",
        key_key: "",
        key_path: "metadata.thread",
        key_hint: "a th...ngth",
        key_fp: affinity.key_fp,
      });
      assert.match(affinity.key_fp, /^[0-9a-f]{8}$/);
    }
  });

  it("tells keys, groups and rules that do not apply apart", async () => {
    await rules(rule({ user_agent_include: ["speaker"] }));
    const { name } = await model("usage=5:5", "usage=5:5");
    const headers = { "User-Agent": "My-Speaker/2" };
    await served(name, "one", { headers });
    assert.equal((await served(name, "two", { headers })).affinity, undefined);
    assert.equal((await served(name, "one")).affinity, undefined);
    assert.equal((await served(name, "one", { headers })).affinity.rule_name, "conversation");
    // Without a value the rule does not apply.
    await served(name, "", { headers });
    assert.equal((await served(name, "", { headers })).affinity, undefined);
  });

  it("moves to the channel that answered when another attempt was needed", async () => {
    await rules(rule());
    const { name, ids } = await model({ base_url: all.mock.base("status=500"), priority: 9 }, "usage=5:5");
    assert.equal((await served(name, "moves")).channel, ids[1]);
    const again = await served(name, "moves");
    assert.equal(again.channel, ids[1]);
    assert.equal(again.affinity.channel_id, ids[1]);
    assert.equal((await all.mock.requests()).length, 3);
  });

  it("stays with the one chosen first when switch_on_success is off", async () => {
    await rules(rule());
    await all.admin.option("channel_affinity_setting.switch_on_success", "false");
    const { name, ids } = await model({ base_url: all.mock.base("status=500"), priority: 9 }, "usage=5:5");
    await served(name, "stays");
    assert.equal((await served(name, "stays")).affinity.channel_id, ids[0]);
    await all.admin.option("channel_affinity_setting.switch_on_success", "true");
  });

  it("makes no other attempt when the rule says so", async () => {
    await rules(rule({ skip_retry_on_failure: true }));
    // Good for one request, then bad for ever.
    const { name, ids } = await model("usage=5:5", { base_url: all.mock.base("usage=5:5"), priority: -1 });
    await served(name, "skips");
    await all.admin.call("PUT", "/api/channel/", { id: ids[0], base_url: all.mock.base("status=500") });
    await eventually(async () => (await ask(name, "skips")).status === 500, "the failure is the answer");
    assert.equal((await ask(name, "a new one")).status, 200); // by another attempt
  });

  it("forgets a channel that is off or no longer serves the model", async () => {
    await rules(rule());
    const { name, ids } = await model({ base_url: all.mock.base("usage=5:5"), priority: 9 }, "usage=5:5");
    assert.equal((await served(name, "off")).channel, ids[0]);
    await all.admin.call("POST", `/api/channel/${ids[0]}/status`, { status: 2 });
    const { channel, affinity } = await served(name, "off");
    assert.equal(channel, ids[1]);
    assert.equal(affinity, undefined);
  });

  it("finds the group of a key in auto", async () => {
    await rules(rule());
    await all.admin.option("UserUsableGroups", JSON.stringify({ default: "", x: "", y: "", auto: "" }));
    await all.admin.option("GroupRatio", JSON.stringify({ default: 1, x: 1, y: 4 }));
    await all.admin.option("AutoGroups", JSON.stringify(["x", "y"]));
    const { name, ids } = await model(
      { base_url: all.mock.base("status=500"), group: "x" },
      { base_url: all.mock.base("usage=5:5"), group: "y" },
    );
    const as = await all.admin.token({ group: "auto", cross_group_retry: true });
    await all.admin.option("RetryTimes", "1");
    assert.equal((await served(name, "auto", { as })).channel, ids[1]);
    const { affinity, row } = await served(name, "auto", { as });
    assert.equal(affinity.using_group, "auto");
    assert.equal(affinity.selected_group, "y");
    assert.equal(row.group, "y");
    assert.equal(JSON.parse(row.other).group_ratio, 4);
  });

  it("takes its key from what is known of the caller", async () => {
    await rules(rule({ key_sources: [{ type: "context_int", key: "token_id" }] }));
    const { name } = await model("usage=5:5", "usage=5:5", "usage=5:5", "usage=5:5");
    const first = await served(name, "any");
    const second = await served(name, "other");
    assert.equal(second.channel, first.channel);
    assert.equal(second.affinity.key_source, "context_int");
    const stranger = await served(name, "any", { as: await all.admin.token() });
    assert.equal(stranger.affinity, undefined);
  });

  it("can be counted, looked at and cleared", async () => {
    await rules(rule({ name: "counted" }), rule({ name: "other", model_regex: ["none"] }));
    await all.admin.call("DELETE", "/api/option/channel_affinity_cache?all=true");
    const { name } = await model("usage=20:5:8");
    await served(name, "first");
    const { affinity } = await served(name, "first");
    await served(name, "second");
    assert.deepEqual(await all.admin.call("GET", "/api/option/channel_affinity_cache"), {
      enabled: true,
      total: 2,
      unknown: 0,
      by_rule_name: { counted: 2, other: 0 },
      cache_capacity: 100_000,
      cache_algo: "lru",
    });
    const query = `rule_name=counted&using_group=default&key_fp=${affinity.key_fp}`;
    const usage = await all.admin.call("GET", `/api/log/channel_affinity_usage_cache?${query}`);
    const { hit, total, prompt_tokens, completion_tokens, cached_tokens, window_seconds } = usage;
    assert.deepEqual(
      { hit, total, prompt_tokens, completion_tokens, cached_tokens, window_seconds },
      { hit: 2, total: 2, prompt_tokens: 40, completion_tokens: 10, cached_tokens: 16, window_seconds: 3600 },
    );
    const clear = (rule_name) => all.admin.call("DELETE", `/api/option/channel_affinity_cache?rule_name=${rule_name}`);
    assert.deepEqual(await clear("other"), { deleted: 0 });
    assert.deepEqual(await clear("counted"), { deleted: 2 });
    await assert.rejects(clear("nobody"), /400.*未知规则名称/);
    await assert.rejects(clear(""), /400.*缺少参数/);
    assert.equal((await served(name, "first")).affinity, undefined);
  });

  it("does nothing when it is off", async () => {
    await rules(rule());
    await all.admin.option("channel_affinity_setting.enabled", "false");
    const { name } = await model("usage=5:5", "usage=5:5");
    await served(name, "none");
    assert.equal((await served(name, "none")).affinity, undefined);
  });
});
