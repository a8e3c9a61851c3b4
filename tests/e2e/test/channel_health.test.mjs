// When channels and keys are switched off by what their upstreams say, how they come back, and what a test of one does.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { eventually, startAll } from "../lib/gateway.mjs";
import { startKeyServer } from "../lib/key_server.mjs";

const unauthorized = (text = "Incorrect API key provided") => ({
  status: 401,
  body: { error: { message: text, type: "invalid_request_error", code: "wrong" } },
});
let counter = 0;
const fresh = (name) => `${name}-${++counter}`;

describe("channel health", { timeout: 120_000 }, () => {
  let all, upstream, admin, key;

  before(async () => {
    upstream = await startKeyServer();
    all = await startAll({ env: { ERROR_LOG_ENABLED: "true" } });
    admin = all.admin;
    key = (await admin.token()).key;
    await admin.option("RetryTimes", "2");
    await admin.option("AutomaticDisableChannelEnabled", "true");
    await admin.option("ModelRatio", JSON.stringify({ "text-embedding-3-small": 0.01 }));
  });
  after(async () => {
    await all?.stop();
    await upstream?.stop();
  });
  beforeEach(() => {
    upstream.asked.length = 0;
  });

  async function makeChannel(fields, mode = {}) {
    const name = fresh("channel");
    const channel = { type: 1, name, base_url: upstream.url, group: "default", ...fields };
    await admin.call("POST", "/api/channel/", { mode: "single", ...mode, channel });
    const { items } = await admin.call("GET", "/api/channel/?p=1&page_size=100&id_sort=true");
    return items.find((item) => item.name === name).id;
  }
  const get = (id) => admin.call("GET", `/api/channel/${id}`);
  const manage = (id, action, more = {}) =>
    admin.call("POST", "/api/channel/multi_key/manage", { channel_id: id, action, ...more });
  const untilStatus = (id, status) =>
    eventually(async () => {
      const channel = await get(id);
      return channel.status === status && channel;
    }, `channel ${id} has status ${status}`);
  async function chat(model, { as = key, ...more } = {}) {
    const response = await fetch(`${all.gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${as}` },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }], ...more }),
    });
    return {
      status: response.status,
      headers: response.headers,
      id: response.headers.get("x-oneapi-request-id"),
      body: await response.json(),
    };
  }
  async function plainGet(path) {
    const headers = { Cookie: admin.cookie, "New-Api-User": String(admin.id) };
    return (await fetch(all.gateway.url + path, { headers })).json();
  }
  const testChannel = (id, query = "") => plainGet(`/api/channel/test/${id}${query}`);
  const errorRows = (id) =>
    eventually(async () => {
      const { items } = await admin.call("GET", `/api/log/?p=1&page_size=10&type=5&request_id=${id}`);
      return items.length > 0 && items;
    }, "error rows");

  it("a refused key switches its channel off: reason, time, abilities, routing", async () => {
    const model = fresh("model");
    const bad = await makeChannel({ key: "sk-refused-key-1", models: model, priority: 9 });
    await makeChannel({ key: "sk-works", models: model });
    upstream.refuse("sk-refused-key-1", unauthorized("Incorrect API key provided: sk-refused-key-1"));
    assert.equal((await chat(model)).status, 200);
    const channel = await untilStatus(bad, 3);
    const info = JSON.parse(channel.other_info);
    assert.equal(info.status_reason, "status_code=401, Incorrect API key provided: ***");
    assert.ok(Math.abs(info.status_time - Date.now() / 1000) < 60);
    await eventually(() => all.gateway.output().includes(`channel ${bad} (`), "the log line");
    assert.ok(!all.gateway.output().includes("sk-refused-key-1"));
    upstream.asked.length = 0;
    await eventually(async () => {
      upstream.asked.length = 0;
      assert.equal((await chat(model)).status, 200);
      return upstream.keys().join() === "sk-works";
    }, "requests pass the disabled channel by");
  });

  it("not a channel whose auto_ban is 0", async () => {
    const model = fresh("model");
    const kept = await makeChannel({ key: "sk-kept", models: model, priority: 9, auto_ban: 0 });
    const gone = await makeChannel({ key: "sk-gone", models: model });
    upstream.refuse("sk-kept", unauthorized());
    upstream.refuse("sk-gone", unauthorized());
    assert.equal((await chat(model)).status, 401);
    await untilStatus(gone, 3); // reported after the other one would have been
    assert.equal((await get(kept)).status, 1);
  });

  it("of several keys the refused one goes, with the last the channel; enabling a key does not enable the channel", async () => {
    const model = fresh("model");
    const id = await makeChannel(
      { key: "sk-first-of-two\nsk-second-of-two", models: model },
      { mode: "multi_to_single", multi_key_mode: "polling" },
    );
    upstream.refuse("sk-second-of-two", unauthorized());
    await eventually(async () => {
      assert.equal((await chat(model)).status, 200);
      return (await manage(id, "get_key_status")).auto_disabled_count === 1;
    }, "the second key is off");
    const { keys, enabled_count } = await manage(id, "get_key_status");
    assert.equal(enabled_count, 1);
    assert.deepEqual(keys[0], { index: 0, status: 1, key_preview: "sk-first-o..." });
    assert.equal(keys[1].status, 3);
    assert.equal(keys[1].reason, "status_code=401, Incorrect API key provided");
    assert.ok(keys[1].disabled_time > 1_700_000_000);
    assert.equal((await get(id)).status, 1);

    upstream.refuse("sk-first-of-two", unauthorized());
    assert.equal((await chat(model)).status, 401);
    const channel = await untilStatus(id, 3);
    assert.equal(JSON.parse(channel.other_info).status_reason, "All keys are disabled");
    // The row is written a moment before it is in force.
    await eventually(async () => (await testChannel(id)).message === "no enabled keys", "no key is left");

    upstream.refuse("sk-first-of-two");
    await admin.option("AutomaticEnableChannelEnabled", "true");
    await manage(id, "enable_key", { key_index: 0 });
    assert.equal((await testChannel(id)).success, true);
    assert.equal((await get(id)).status, 3);
    await admin.call("POST", `/api/channel/${id}/status`, { status: 1 });
    assert.equal((await chat(model)).status, 200);
    await admin.option("AutomaticEnableChannelEnabled", "false");
  });

  it("an error event in the middle of a stream is judged like a failure before it", async () => {
    const model = fresh("model");
    const id = await makeChannel({ key: "sk-midway", models: model, base_url: all.mock.base("chunks=6,error_after=3") });
    const ask = async () => {
      const response = await fetch(`${all.gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
        body: JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "hi" }] }),
      });
      assert.equal(response.status, 200);
      // The connection may break behind the error event.
      await response.text().catch(() => "");
    };
    await ask();
    assert.equal((await get(id)).status, 1); // no line of the table fits
    await admin.option("AutomaticDisableKeywords", "Mock Stream Error");
    await ask();
    const off = await untilStatus(id, 3);
    assert.match(JSON.parse(off.other_info).status_reason, /^status_code=500, mock stream error/);
    await admin.option("AutomaticDisableKeywords", "");
  });

  it("comes back by hand, by either route, and at once", async () => {
    const model = fresh("model");
    const id = await makeChannel({ key: "sk-by-hand", models: model });
    for (const enable of [
      () => admin.call("POST", `/api/channel/${id}/status`, { status: 1 }),
      () => admin.call("PUT", "/api/channel/", { id, status: 1 }),
    ]) {
      upstream.refuse("sk-by-hand", unauthorized());
      await chat(model);
      await untilStatus(id, 3);
      assert.equal((await chat(model)).status, 503);
      upstream.refuse("sk-by-hand");
      await enable();
      assert.equal((await chat(model)).status, 200);
    }
  });

  it("comes back by a good test only when the option is on, and only what was switched off automatically", async () => {
    const model = fresh("model");
    const id = await makeChannel({ key: "sk-by-test", models: model });
    upstream.refuse("sk-by-test", unauthorized());
    await chat(model);
    await untilStatus(id, 3);
    upstream.refuse("sk-by-test");
    assert.equal((await testChannel(id)).success, true);
    assert.equal((await get(id)).status, 3);
    await admin.option("AutomaticEnableChannelEnabled", "true");
    assert.equal((await testChannel(id)).success, true);
    assert.equal((await get(id)).status, 1);
    assert.equal((await chat(model)).status, 200);
    await admin.call("POST", `/api/channel/${id}/status`, { status: 2 });
    assert.equal((await testChannel(id)).success, true);
    assert.equal((await get(id)).status, 2);
    await admin.option("AutomaticEnableChannelEnabled", "false");
  });

  it("a test asks a few tokens, is logged for the first user and charges nobody", async () => {
    const model = fresh("model");
    const id = await makeChannel({
      key: "sk-test",
      models: `${model},other`,
      model_mapping: JSON.stringify({ [model]: "mapped" }),
    });
    const balance = await admin.balance();
    for (const [query, stream] of [
      ["", false],
      [`?model=${model}&stream=true`, true],
    ]) {
      upstream.asked.length = 0;
      const answer = await testChannel(id, query);
      assert.deepEqual(Object.keys(answer), ["success", "message", "time"]);
      assert.equal(answer.success, true);
      assert.equal(answer.message, "");
      assert.equal(typeof answer.time, "number");
      assert.deepEqual(upstream.asked, [
        {
          key: "sk-test",
          path: "/v1/chat/completions",
          body: {
            model: "mapped",
            messages: [{ role: "user", content: "hi" }],
            max_tokens: 16,
            ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
          },
        },
      ]);
      const row = await eventually(async () => {
        const rows = await admin.consumeRows();
        return rows.find((row) => row.channel === id && row.is_stream === stream);
      }, "the row of the test");
      assert.equal(row.token_name, "模型测试");
      assert.equal(row.content, "模型测试");
      assert.equal(row.user_id, 1);
      assert.equal(row.model_name, model);
      assert.equal(row.prompt_tokens, 11);
      assert.equal(row.completion_tokens, 7);
      assert.ok(row.quota > 0);
    }
    assert.equal(await admin.balance(), balance);
    const channel = await get(id);
    assert.ok(Math.abs(channel.test_time - Date.now() / 1000) < 60);
    assert.ok(channel.response_time >= 0);
  });

  it("a test of an embedding model asks for an embedding", async () => {
    const id = await makeChannel({ key: "sk-embed", models: "text-embedding-3-small" });
    assert.equal((await testChannel(id)).success, true);
    assert.deepEqual(upstream.asked[0], {
      key: "sk-embed",
      path: "/v1/embeddings",
      body: { model: "text-embedding-3-small", input: ["hello world"] },
    });
  });

  it("a test says what the upstream said, without the key, and disables nothing by itself", async () => {
    const model = fresh("model");
    const id = await makeChannel({ key: "sk-told-on-me-1", models: model });
    upstream.refuse("sk-told-on-me-1", unauthorized("no sk-told-on-me-1 here"));
    const refused = await testChannel(id);
    assert.equal(refused.success, false);
    assert.match(refused.message, /^bad response status code 401, message: no \*\*\* here, body: \{"error".*\}$/);
    upstream.refuse("sk-told-on-me-1", { status: 200, body: { error: "quota" } });
    assert.equal((await testChannel(id)).message, "upstream error: quota");
    assert.equal((await get(id)).status, 1);
    assert.equal((await testChannel(987654)).message, "record not found");
    assert.equal((await testChannel(id, "?endpoint_type=openai-video")).message, "endpoint type openai-video is not supported");
    const suno = await makeChannel({ type: 36, key: "sk-suno-1", models: "x" });
    assert.deepEqual(await testChannel(suno), {
      success: false,
      message: "SunoAPI channel test is not supported",
      time: 0,
    });
  });

  it("a run over all channels goes on in the background, one at a time, and judges each", async () => {
    const model = fresh("model");
    const dead = await makeChannel({ key: "sk-dead-in-run", models: model });
    const back = await makeChannel({ key: "sk-back-in-run", models: model });
    upstream.refuse("sk-back-in-run", unauthorized());
    await chat(model, { as: `${key}-${back}` });
    await untilStatus(back, 3);
    upstream.refuse("sk-back-in-run");
    upstream.refuse("sk-dead-in-run", unauthorized());
    await admin.option("AutomaticEnableChannelEnabled", "true");
    upstream.hold();
    assert.deepEqual(await plainGet("/api/channel/test"), { success: true, message: "" });
    assert.deepEqual(await plainGet("/api/channel/test"), { success: false, message: "测试已在运行中" });
    upstream.release();
    await untilStatus(dead, 3);
    await untilStatus(back, 1); // the last of the run: lowest priority, highest id
    await admin.option("AutomaticEnableChannelEnabled", "false");
  });

  describe("attempts", () => {
    before(() => admin.option("AutomaticDisableChannelEnabled", "false"));
    const failing = (status, more = {}) => ({ status, body: { error: { message: "busy", type: "t", code: "c" } }, ...more });

    it("S2 take the priorities from the highest down and then stay at the lowest", async () => {
      const model = fresh("model");
      for (const [name, priority] of [["sk-ten", 10], ["sk-five", 5]]) {
        await makeChannel({ key: name, models: model, priority });
        upstream.refuse(name, failing(429, { headers: { "Retry-After": "7" } }));
      }
      const answer = await chat(model);
      assert.deepEqual(upstream.keys(), ["sk-ten", "sk-five", "sk-five"]);
      assert.equal(answer.status, 429);
      assert.equal(answer.headers.get("retry-after"), "7");
      assert.deepEqual(answer.body, { error: { message: "busy", type: "t", param: "", code: "c" } });
    });

    it("end with an error object inside a 200: it is passed on with 200", async () => {
      const model = fresh("model");
      await makeChannel({ key: "sk-200", models: model });
      upstream.refuse("sk-200", failing(200));
      const answer = await chat(model);
      assert.equal(answer.status, 200);
      assert.equal(answer.body.error.message, "busy");
      assert.equal(upstream.asked.length, 1);
    });

    for (const [mapping, attempts, status] of [
      ['{"500":"400"}', 1, 400],
      ['{"500":"99"}', 3, 500],
      ['{"500":"abc"}', 3, 500],
      ['{"500":"400","501":7}', 3, 500],
    ])
      it(`are decided by the status after the mapping ${mapping}`, async () => {
        const model = fresh("model");
        await makeChannel({ key: "sk-mapped", models: model, status_code_mapping: mapping });
        upstream.refuse("sk-mapped", failing(500));
        const answer = await chat(model);
        assert.equal(upstream.asked.length, attempts);
        assert.equal(answer.status, status);
      });

    it("go on after an error of the channel itself, but a pinned key never leaves its channel", async () => {
      const model = fresh("model");
      const circle = JSON.stringify({ [model]: "b", b: model });
      const id = await makeChannel({ key: "sk-circle", models: model, priority: 9, model_mapping: circle });
      await makeChannel({ key: "sk-after-circle", models: model });
      assert.equal((await chat(model)).status, 200);
      const pinned = await chat(model, { as: `${key}-${id}` });
      assert.equal(pinned.status, 500);
      assert.equal(pinned.body.error.code, "channel:model_mapped_error");
      assert.deepEqual(upstream.keys(), ["sk-after-circle"]);
    });

    it("end when the client has left", async () => {
      const model = fresh("model");
      await makeChannel({ key: "sk-left", models: model, priority: 9 });
      await makeChannel({ key: "sk-next", models: model });
      upstream.refuse("sk-left", failing(500));
      upstream.hold();
      const leave = new AbortController();
      const asked = fetch(`${all.gateway.url}/v1/chat/completions`, {
        method: "POST",
        signal: leave.signal,
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
        body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }] }),
      });
      await eventually(() => upstream.asked.length === 1, "the upstream is asked");
      leave.abort();
      await assert.rejects(asked);
      // The row of what it cost is written once the request is over.
      await eventually(async () => (await admin.consumeRows()).some((row) => row.model_name === model), "its end");
      upstream.release();
      assert.deepEqual(upstream.keys(), ["sk-left"]);
    });

    it("leave an error row each when such rows are written", async () => {
      const model = fresh("model");
      const name = await makeChannel({ key: "sk-row", models: model });
      upstream.refuse("sk-row", { status: 502, body: "<html>" });
      const { id } = await chat(model);
      const rows = await eventually(async () => {
        const found = await errorRows(id);
        return found.length === 3 && found;
      }, "three rows");
      const row = rows.at(-1); // of the first attempt
      assert.equal(row.content, "status_code=502, bad response status code 502");
      assert.equal(row.model_name, model);
      assert.equal(row.channel, name);
      assert.equal(row.token_name, "e2e");
      assert.equal(row.group, "default");
      assert.equal(row.is_stream, false);
      assert.deepEqual([row.quota, row.prompt_tokens, row.completion_tokens], [0, 0, 0]);
      const other = JSON.parse(row.other);
      const { name: channel_name } = await get(name);
      assert.deepEqual(other.admin_info.use_channel, [String(name)]);
      delete other.admin_info;
      assert.deepEqual(other, {
        request_path: "/v1/chat/completions",
        error_type: "openai_error",
        error_code: "bad_response_status_code",
        status_code: 502,
        channel_id: name,
        channel_name,
        channel_type: 1,
      });
    });
  });
});
