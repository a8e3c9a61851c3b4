// Comments that keep proxies from giving up on a silent stream: when they come, and what they must not change.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { startAll } from "../lib/gateway.mjs";
import { RawClient } from "../lib/raw.mjs";

describe("keep-alives", { timeout: 120_000 }, () => {
  let all, key;
  let names = 0;
  before(async () => {
    all = await startAll({ env: { TOLLGATE_SSE_COMMIT: "600ms", TOLLGATE_SSE_KEEPALIVE: "300ms", ERROR_LOG_ENABLED: "true" } });
    ({ key } = await all.admin.token());
  });
  after(() => all?.stop());

  /** A model served by channels with these scenarios, one after the other. */
  async function serve(...scenarios) {
    const models = `kept ${++names}`;
    for (const [i, scenario] of scenarios.entries())
      await all.admin.channel({ name: `${models} ${i}`, models, base_url: all.mock.base(scenario), priority: 10 - i });
    await all.admin.option("RetryTimes", String(scenarios.length - 1));
    return models;
  }
  const open = (model, more = {}) =>
    new RawClient(`${all.gateway.url}/v1/chat/completions`, key, {
      model,
      stream: true,
      messages: [{ role: "user", content: "hi" }],
      ...more,
    });
  const pings = (client) => (client.text.match(/^: PING$/gm) ?? []).length;
  const done = (client) => client.until(({ text }) => text.endsWith("0\r\n\r\n"), "the end");

  for (const [where, scenario] of [
    ["before the upstream's head", "slow_head_ms=1500"],
    ["behind the upstream's head", "first_ms=1500"],
    ["behind the upstream's comments", "comments=6,delay_ms=250"],
  ])
    it(`S4 silence ${where}: the first comment only when the head is committed, then at their interval`, async () => {
      const client = open(await serve(scenario));
      const begun = performance.now();
      await client.until(({ text }) => text.length > 0, "the head");
      assert.ok(performance.now() - begun >= 550, "not before the head may be committed");
      await done(client);
      assert.match(client.text, /^HTTP\/1\.1 200 /);
      const most = 1 + (performance.now() - begun - 600) / 300;
      const count = pings(client);
      assert.ok(count >= 2 && count <= most, `${count} comments, ${most} at most`);
      assert.match(client.text, /\[DONE\]/);
    });

  it("S4 silence between events is filled", async () => {
    const client = open(await serve("chunks=2,delay_ms=1000"));
    await done(client);
    assert.ok(pings(client) >= 4, `${pings(client)} comments in 4 s of four pauses`);
  });

  it("a stream that is never silent has none", async () => {
    const model = await serve("chunks=40,delay_ms=30");
    const begun = performance.now();
    const client = open(model);
    await done(client);
    // A machine that is busy with other things makes silences of its own.
    const silences = Math.max(0, (performance.now() - begun - 40 * 30) / (300 - 30));
    assert.ok(pings(client) <= silences, `${pings(client)} comments, ${silences} silences`);
  });

  it("S2 a failure before the head is committed keeps its status", async () => {
    const client = open(await serve("slow_head_ms=200,status=429"));
    await client.until(({ text }) => /\r\n\r\n[^]*\}$/.test(text), "the error");
    assert.equal(client.status, 429);
    assert.match(client.text, /content-type: application\/json/i);
  });

  for (const [what, first] of [
    ["an error status", "slow_head_ms=1000,status=500"],
    ["a reset", "comments=1,first_ms=1000,cut_after=0"],
    ["an error event", "first_ms=1000,error_after=0"],
    ["an empty stream", "first_ms=1000,empty200"],
  ]) {
    it(`S2 ${what} after a comment: another attempt answers in the same body`, async () => {
      const client = open(await serve(first, "usage=100:50"));
      await done(client);
      assert.ok(pings(client) >= 1);
      assert.equal(client.text.match(/^HTTP\/1\.1 /gm).length, 1);
      assert.match(client.text, /\[DONE\]/);
      assert.doesNotMatch(client.text, /"error"/);
      const row = await all.admin.row(client.requestId);
      assert.equal(row.rows, 1);
      assert.deepEqual([row.prompt_tokens, row.completion_tokens], [100, 50]);
      assert.equal(JSON.parse(row.other).admin_info.attempts.length, 2);
    });
    it(`S1 S2 ${what} after a comment, and no other channel: an error event ends the stream, nothing is charged`, async () => {
      const before = await all.admin.balance();
      const rows = (await all.admin.consumeRows()).length;
      const client = open(await serve(first));
      await done(client);
      assert.equal(client.status, 200);
      assert.match(client.text, /: PING\n\n[^]*data: \{"error":\{[^\n]*\}\n\n\r\n0\r\n\r\n$/);
      assert.doesNotMatch(client.text, /\[DONE\]/);
      assert.equal((await all.admin.consumeRows()).length, rows);
      assert.equal(await all.admin.balance(), before);
    });
  }

  it("S2 no other attempt once a byte of the answer was sent", async () => {
    const client = open(await serve("first_ms=1000,cut_after=2", "usage=100:50"));
    await done(client);
    assert.ok(pings(client) >= 1);
    assert.match(client.text, /data: \{"error":\{[^\n]*\}\n\n\r\n0\r\n\r\n$/);
    const row = await all.admin.row(client.requestId);
    assert.equal(JSON.parse(row.other).admin_info.attempts.length, 1);
  });

  it("a plain answer gets none", async () => {
    const client = open(await serve("slow_head_ms=1000,usage=100:50"), { stream: false });
    await client.until(({ text }) => text.includes("fp_mock"), "the answer");
    assert.equal(pings(client), 0);
  });

  it("the stored options govern both times instead, when they are on", async () => {
    await all.admin.option("general_setting.ping_interval_seconds", "1");
    await all.admin.option("general_setting.ping_interval_enabled", "true");
    const client = open(await serve("slow_head_ms=2500"));
    await done(client);
    assert.ok(pings(client) === 2, `${pings(client)} comments in 2.5 s`);
    await all.admin.option("general_setting.ping_interval_enabled", "false");
  });
});

describe("keep-alives switched off", { timeout: 60_000 }, () => {
  it("none come, neither before the first event nor between two", async () => {
    const all = await startAll({
      models: "quiet",
      scenario: "first_ms=1000,chunks=2,delay_ms=500",
      env: { TOLLGATE_SSE_COMMIT: "0", TOLLGATE_SSE_KEEPALIVE: "0" },
    });
    try {
      const client = new RawClient(`${all.gateway.url}/v1/chat/completions`, (await all.admin.token()).key, {
        model: "quiet",
        stream: true,
        messages: [{ role: "user", content: "hi" }],
      });
      await client.until(({ text }) => text.endsWith("0\r\n\r\n"), "the end");
      assert.doesNotMatch(client.text, /PING/);
      assert.match(client.text, /\[DONE\]/);
    } finally {
      await all.stop();
    }
  });
});
