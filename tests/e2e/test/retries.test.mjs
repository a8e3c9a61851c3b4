// An attempt that failed before anything reached the client is made again elsewhere; one charge, and the log row names
// every channel that was tried.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import OpenAI from "openai";
import { eventually, startAll } from "../lib/gateway.mjs";
import { freePort } from "../lib/process.mjs";

const messages = [{ role: "user", content: "hi" }];
const good = "chunks=3,usage=11:7";

describe("retries", { timeout: 120_000 }, () => {
  let all, client;
  const channels = new Map(); // name → id

  before(async () => {
    all = await startAll({ env: { ERROR_LOG_ENABLED: "true" } });
    client = new OpenAI({ baseURL: `${all.gateway.url}/v1`, apiKey: (await all.admin.token()).key, maxRetries: 0 });
    await all.admin.option("RetryTimes", "2");
  });
  after(() => all?.stop());

  /** A model of its own, served first by a channel with this fault and then by a good one. */
  async function pair(model, fault, more = {}, second = good) {
    const base_url = fault.startsWith("http") ? fault : all.mock.base(fault);
    await all.admin.channel({ name: `${model} bad`, base_url, models: model, priority: 10, ...more });
    await all.admin.channel({ name: `${model} good`, base_url: all.mock.base(second), models: model, priority: 0 });
    const { items } = await all.admin.call("GET", "/api/channel/?p=1&page_size=100");
    for (const { name, id } of items) channels.set(name, id);
    return model;
  }
  const chat = async (model, more = {}) => {
    const { data, response } = await client.chat.completions.create({ model, messages, ...more }).withResponse();
    return { data, id: response.headers.get("x-oneapi-request-id") };
  };
  /** The row of the request: charged once, and by which channels it went. */
  async function tried(id, model, names) {
    const row = await all.admin.row(id);
    assert.equal(row.rows, 1);
    assert.equal(row.prompt_tokens, 11);
    assert.equal(row.completion_tokens, 7);
    const other = JSON.parse(row.other);
    assert.deepEqual(
      other.admin_info.use_channel.map(Number),
      names.map((name) => channels.get(`${model} ${name}`)),
    );
    assert.equal(row.channel, channels.get(`${model} ${names.at(-1)}`));
  }

  for (const [what, fault] of [
    ["a server error", "status=500"],
    ["429", "status=429,retry_after=3"],
    ["a page of HTML with 502", "status=502,body=html"],
    ["a connection that is reset before the head", "cut_head"],
    ["200 without content", "empty200"],
    ["an answer cut in its middle", "cut_after=20"],
    ["a length that lies", "lie_length"],
  ])
    it(`S2 plain: ${what}`, async () => {
      const model = await pair(`plain ${what}`, fault);
      const { data, id } = await chat(model);
      assert.equal(data.usage.total_tokens, 18);
      await tried(id, model, ["bad", "good"]);
    });

  it("S2 plain: a channel that nobody answers for", async () => {
    const model = await pair("refused", `http://127.0.0.1:${await freePort()}`);
    const { id } = await chat(model);
    await tried(id, model, ["bad", "good"]);
  });

  for (const [what, fault] of [
    ["a server error", "status=503"],
    ["an error event before any content", "error_after=0"],
    ["a stream of nothing but its end mark", "empty200"],
    ["a stream that is reset before its first event", "cut_after=0"],
    ["a stream that ends before its first event", "end_after=0"],
  ])
    it(`S2 stream: ${what}`, async () => {
      const model = await pair(`stream ${what}`, fault);
      const { data, id } = await chat(model, { stream: true, stream_options: { include_usage: true } });
      let text = "";
      let usage;
      for await (const event of data) {
        text += event.choices[0]?.delta?.content ?? "";
        usage ??= event.usage;
      }
      assert.equal(text.length, 24);
      assert.equal(usage.total_tokens, 18);
      await tried(id, model, ["bad", "good"]);
    });

  it("not once content was sent: the stream breaks, and what came is charged", async () => {
    const model = await pair("broken", "chunks=8,cut_after=3,delay_ms=20");
    const { data, id } = await chat(model, { stream: true });
    await assert.rejects(async () => {
      for await (const event of data) assert.ok(event);
      throw new Error("the stream ended as if it were whole");
    }, /terminated|Premature close|aborted|error/i);
    const row = await all.admin.row(id);
    assert.deepEqual(JSON.parse(row.other).admin_info.use_channel.map(Number), [channels.get("broken bad")]);
  });

  it("not what a client got wrong", async () => {
    const model = await pair("wrong", "status=400");
    await assert.rejects(chat(model), OpenAI.BadRequestError);
  });

  it("by the status after the channel's status_code_mapping", async () => {
    const mapped = await pair("mapped away", "status=500", { status_code_mapping: '{"500":"400"}' });
    await assert.rejects(chat(mapped), (error) => error.status === 400);
    const model = await pair("mapped to", "status=400", { status_code_mapping: '{"400":"503"}' });
    const { id } = await chat(model);
    await tried(id, model, ["bad", "good"]);
  });

  it("not for a key pinned to its channel", async () => {
    const model = await pair("pinned", "status=500");
    const { key } = await all.admin.token();
    const pinned = new OpenAI({
      baseURL: `${all.gateway.url}/v1`,
      apiKey: `${key}-${channels.get("pinned bad")}`,
      maxRetries: 0,
    });
    await assert.rejects(pinned.chat.completions.create({ model, messages }), (error) => error.status === 500);
  });

  it("as often as RetryTimes says, then with the last error and no charge", async () => {
    const model = await pair("hopeless", "status=500", {}, "status=503");
    const before = await all.admin.balance();
    await all.mock.clear();
    await assert.rejects(chat(model), (error) => error.status === 503);
    assert.equal((await all.mock.requests()).length, 3);
    assert.equal(await all.admin.balance(), before);
    await all.admin.option("RetryTimes", "0");
    await all.mock.clear();
    // A change of options is in force at once on the node that made it.
    await eventually(async () => {
      await all.mock.clear();
      await assert.rejects(chat(model), (error) => error.status === 500);
      return (await all.mock.requests()).length === 1;
    }, "no retries");
  });
});
