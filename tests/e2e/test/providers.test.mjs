// Every channel type that speaks the OpenAI dialect: where it is asked, how it is told who calls, what it takes
// differently, and what of its answers reaches the client.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import net from "node:net";
import { after, afterEach, before, describe, it } from "node:test";
import OpenAI from "openai";
import { startAll, startGateway, Account, upstreamKey } from "../lib/gateway.mjs";
import { chunks, startProvider, usage } from "../lib/provider_server.mjs";
import { payloads, post } from "../lib/raw.mjs";

const bearer = { authorization: `Bearer ${upstreamKey}` };
const messages = [{ role: "user", content: "hi" }];

/** A tenth of a second of silence. */
function wav() {
  const head = Buffer.alloc(44 + 1600);
  head.write("RIFF");
  head.writeUInt32LE(36 + 1600, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  for (const [at, value] of [[20, 1], [22, 1], [32, 2], [34, 16]]) head.writeUInt16LE(value, at);
  for (const [at, value] of [[24, 8000], [28, 16000], [40, 1600]]) head.writeUInt32LE(value, at);
  head.write("data", 36);
  return head;
}

describe("providers", { timeout: 120_000 }, () => {
  let all, upstream, key, ids = 0;
  before(async () => {
    upstream = await startProvider();
    all = await startAll();
    ({ key } = await all.admin.token());
  });
  after(async () => {
    await all?.stop();
    await upstream?.stop();
  });
  afterEach(() => upstream.say());

  /** A channel with a model of its own, whose name the upstream knows as `model`. */
  async function channel(fields, model = "up") {
    const models = `m${++ids}`;
    await all.admin.channel({
      models,
      name: models,
      base_url: upstream.url,
      model_mapping: JSON.stringify({ [models]: model }),
      ...fields,
    });
    return models;
  }
  const ask = (path, body, query = "") => post(`${all.gateway.url}/v1/${path}${query}`, key, body);
  async function chat(model, more = {}, query = "") {
    const answer = await ask("chat/completions", { model, messages, ...more }, query);
    const stream = answer.headers["content-type"].startsWith("text/event-stream");
    return { ...answer, json: stream ? undefined : JSON.parse(answer.body), events: stream ? payloads(answer.body).map(String) : [] };
  }

  describe("are asked at their own address, in their own way", () => {
    const compatible = [0, 1, 2, 5, 6, 7, 9, 10, 12, 13, 19, 20, 22, 25, 31, 36, 40, 42, 43, 47, 48, 50, 52, 53, 54, 55];
    for (const [type, path, { headers = bearer, fields = {} } = {}] of [
      ...compatible.map((type) => [type, "/v1/chat/completions"]),
      [3, "/openai/deployments/gpt-3.5-turbo/chat/completions?api-version=2025-04-01-preview", { headers: { "api-key": upstreamKey } }],
      [17, "/compatible-mode/v1/chat/completions"],
      [26, "/api/paas/v4/chat/completions"],
      [27, "/chat/completions"],
      [35, "/v1/text/chatcompletion_v2"],
      [39, "/client/v4/accounts/acc/ai/v1/chat/completions", { fields: { other: "acc" } }],
      [45, "/api/v3/chat/completions"],
      [46, "/v2/chat/completions", { headers: { ...bearer, appid: "app-1" }, fields: { key: `${upstreamKey}|app-1` } }],
    ])
      it(`type ${type}`, async () => {
        const model = await channel({ type, ...fields }, "gpt-3.5-turbo");
        const answer = await chat(model);
        assert.equal(answer.status, 200, answer.body);
        assert.equal(answer.json.choices[0].message.content, "hello");
        const { path: asked, headers: got, body } = upstream.last();
        assert.equal(asked, path);
        for (const [name, value] of Object.entries(headers)) assert.equal(got[name], value);
        if (type === 3) assert.equal(got.authorization, undefined);
        assert.equal(body.model, "gpt-3.5-turbo");
      });

    it("Custom: the whole address is the channel's, for every route", async () => {
      const model = await channel({ type: 8, base_url: `${upstream.url}/gw/{model}/all` }, "a/b");
      assert.equal((await chat(model, {}, "?x=1")).status, 200);
      assert.equal(upstream.last().path, "/gw/a/b/all");
      assert.equal((await ask("embeddings", { model, input: "a" })).status, 200);
      assert.equal(upstream.last().path, "/gw/a/b/all");
    });

    it("the client's query goes along where the path is the client's", async () => {
      await chat(await channel({ type: 1 }), {}, "?trace=1");
      assert.equal(upstream.last().path, "/v1/chat/completions?trace=1");
      await chat(await channel({ type: 26 }), {}, "?trace=1");
      assert.equal(upstream.last().path, "/api/paas/v4/chat/completions");
    });

    it("rerank where the type has it", async () => {
      upstream.say(() => ({ body: { results: [{ index: 0, relevance_score: 0.5 }], usage: { total_tokens: 4 } } }));
      for (const [type, path] of [[38, "/v1/rerank"], [40, "/v1/rerank"], [46, "/v2/rerank"], [47, "/v1/rerank"], [25, "/v1/rerank"]]) {
        const model = await channel({ type });
        const answer = await ask("rerank", { model, query: "q", documents: ["a"] });
        assert.equal(answer.status, 200, answer.body);
        assert.equal(upstream.last().path, path);
      }
    });

    it("pictures by the names that a type has for their members", async () => {
      upstream.say(() => ({ body: { created: 1, data: [{ url: "http://h/1.png" }] } }));
      await ask("images/generations", { model: await channel({ type: 40 }), prompt: "p", size: "1024x1024", n: 2 });
      const { model: _, ...sent } = upstream.last().body;
      assert.deepEqual(sent, { prompt: "p", image_size: "1024x1024", batch_size: 2 });
      await ask("images/generations", { model: await channel({ type: 48 }), prompt: "p", size: "1024x1024", quality: "hd" });
      assert.deepEqual(upstream.last().body, { model: "up", prompt: "p" });
    });

    it("a route that a type does not serve is refused before anything is sent, and costs nothing", async () => {
      const model = await channel({ type: 27 });
      const asked = upstream.asked.length;
      const answer = await ask("embeddings", { model, input: "a" });
      assert.equal(answer.status, 500);
      const { error } = JSON.parse(answer.body);
      assert.equal(error.code, "convert_request_failed");
      assert.match(error.message, /^not implemented/);
      assert.equal(upstream.asked.length, asked);
      // Rows are written in order: behind that of the next request there is none to come.
      await all.admin.row((await chat(model)).headers["x-oneapi-request-id"]);
      assert.equal((await all.admin.consumeRows()).filter((row) => row.model_name === model).length, 1);
    });

    it("a key without its token is refused as the channel's fault", async () => {
      const answer = await chat(await channel({ type: 46, key: "|application" }));
      assert.equal(answer.status, 500);
      assert.equal(answer.json.error.code, "do_request_failed");
    });
  });

  it("lists of models name who is known for a model", async () => {
    await channel({ type: 1, models: "deepseek-chat,m-of-ours", model_mapping: "" });
    const list = await (await fetch(`${all.gateway.url}/v1/models`, { headers: { Authorization: `Bearer ${key}` } })).json();
    const owner = (id) => list.data.find((item) => item.id === id).owned_by;
    assert.equal(owner("deepseek-chat"), "deepseek");
    assert.equal(owner("m-of-ours"), "custom");
  });

  describe("Azure", () => {
    it("the official SDK through an Azure channel: chat, stream and embeddings", async () => {
      const model = await channel({ type: 3, other: "2024-10-21" }, "my.deployment");
      const client = new OpenAI({ baseURL: `${all.gateway.url}/v1`, apiKey: key, maxRetries: 0 });
      const answer = await client.chat.completions.create({ model, messages });
      assert.equal(answer.choices[0].message.content, "hello");
      assert.equal(upstream.last().path, "/openai/deployments/my.deployment/chat/completions?api-version=2024-10-21");
      let text = "";
      for await (const part of await client.chat.completions.create({ model, messages, stream: true }))
        text += part.choices[0]?.delta?.content ?? "";
      assert.equal(text, "hello");
      assert.deepEqual(upstream.last().body.stream_options, { include_usage: true });
      const list = await client.embeddings.create({ model, input: "a", encoding_format: "float" });
      assert.deepEqual(list.data[0].embedding, [0.5]);
      assert.equal(upstream.last().path, "/openai/deployments/my.deployment/embeddings?api-version=2024-10-21");
    });

    it("pictures, speech and recordings at their deployments", async () => {
      const model = await channel({ type: 3, other: "v" }, "dep");
      const deployment = "/openai/deployments/dep";
      upstream.say(() => ({ body: { created: 1, data: [{ b64_json: "AA" }] } }));
      assert.equal((await ask("images/generations", { model, prompt: "p" })).status, 200);
      assert.equal(upstream.last().path, `${deployment}/images/generations?api-version=v`);
      upstream.say(() => ({ headers: { "Content-Type": "audio/mpeg" }, body: "bytes" }));
      assert.equal((await ask("audio/speech", { model, input: "a", voice: "alloy" })).body.toString(), "bytes");
      assert.equal(upstream.last().path, `${deployment}/audio/speech?api-version=v`);
      upstream.say(() => ({ body: { text: "words" } }));
      const form = new FormData();
      form.append("model", model);
      form.append("file", new Blob([wav()]), "a.wav");
      const heard = await fetch(`${all.gateway.url}/v1/audio/transcriptions`, {
        method: "POST",
        headers: { Authorization: `Bearer ${key}` },
        body: form,
      });
      assert.deepEqual(await heard.json(), { text: "words" });
      assert.equal(upstream.last().path, `${deployment}/audio/transcriptions?api-version=v`);
      assert.equal(upstream.last().headers["api-key"], upstreamKey);
      assert.match(upstream.last().text, /\r\n\r\ndep\r\n/);
    });

    it("a version in the client's query wins over the channel's", async () => {
      const model = await channel({ type: 3, other: "2024-10-21" });
      await chat(model, {}, "?api-version=2023-05-15&x=1");
      assert.equal(upstream.last().path, "/openai/deployments/up/chat/completions?api-version=2023-05-15");
    });

    it("a first chunk of filter results without choices passes", async () => {
      upstream.say(() => ({ body: [{ choices: [], prompt_filter_results: [{ prompt_index: 0 }] }, ...chunks] }));
      const { events } = await chat(await channel({ type: 3 }), { stream: true });
      assert.equal(events[0], '{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}');
      assert.equal(events.at(-1), "[DONE]");
    });
  });

  describe("get the body in their way", () => {
    it("F1 what no rule names passes byte for byte", async () => {
      for (const type of [1, 3, 8, 17, 25, 26, 27, 31, 35, 42, 43, 45, 46, 48, 53]) {
        const model = await channel({ type, model_mapping: "" }, "");
        const text = `{ "model":"${model}",  "unknown":{"a":1.0},"temperature":0, "messages":[{"role":"user","content":"hi"}] }`;
        assert.equal((await ask("chat/completions", text)).status, 200);
        assert.equal(upstream.last().text, text, `type ${type}`);
      }
    });

    it("OpenRouter: usage asked for, reasoning in its form, and who calls", async () => {
      await all.admin.option("ServerAddress", "https://gate.example");
      await all.admin.option("SystemName", "Gate");
      const model = await channel({ type: 20 }, "x/y-thinking");
      assert.equal((await chat(model, { reasoning_effort: "high", stream: true })).status, 200);
      const { body, headers } = upstream.last();
      assert.equal(body.model, "x/y");
      assert.deepEqual(body.reasoning, { enabled: true, effort: "high" });
      assert.deepEqual(body.usage, { include: true });
      assert.equal(body.reasoning_effort, undefined);
      assert.equal(body.stream_options, undefined);
      assert.equal(headers["http-referer"], "https://gate.example");
      assert.equal(headers["x-title"], "Gate");
    });

    it("OpenRouter: a name in the list keeps its suffix", async () => {
      const models = "moonshotai/kimi-k2-thinking";
      await channel({ type: 20, models, model_mapping: "" });
      assert.equal((await chat(models)).status, 200);
      assert.equal(upstream.last().body.model, models);
    });

    it("OpenRouter enterprise: the answer is taken out of its envelope, a failure in it is one", async () => {
      const settings = JSON.stringify({ openrouter_enterprise: true });
      const model = await channel({ type: 20, settings });
      const data = { id: "e", object: "chat.completion", created: 1, model: "up", choices: [{ index: 0, message: { role: "assistant", content: "inside" }, finish_reason: "stop" }], usage };
      upstream.say(() => ({ body: { success: true, data } }));
      assert.deepEqual((await chat(model)).json, data);
      upstream.say(() => ({ body: { success: false, data: {} } }));
      const failed = await chat(model);
      assert.equal(failed.status, 500);
      assert.match(failed.json.error.message, /openrouter response success=false/);
    });

    it("pass-through: the client's bytes go to chat as they are, never to embeddings", async () => {
      const setting = JSON.stringify({ pass_through_body_enabled: true });
      const model = await channel({ type: 1, setting }, "mapped");
      await chat(model, { service_tier: "flex" });
      assert.equal(upstream.last().body.model, model);
      assert.equal(upstream.last().body.service_tier, "flex");
      await ask("embeddings", { model, input: "a" });
      assert.equal(upstream.last().body.model, "mapped");
    });
  });

  describe("are asked for usage in streams", () => {
    for (const [what, type, sent, expected] of [
      ["a type that takes it, without a word of the client", 43, undefined, { include_usage: true }],
      ["a type that takes it, against the client's wish", 3, { include_usage: false }, { include_usage: true }],
      ["a type that does not take it", 42, { include_usage: true }, undefined],
      ["OpenRouter, which has its own way", 20, { include_usage: true }, undefined],
    ])
      it(what, async () => {
        const answer = await chat(await channel({ type }), { stream: true, ...(sent && { stream_options: sent }) });
        assert.deepEqual(upstream.last().body.stream_options, expected);
        const shown = answer.events.some((event) => event.includes('"usage":{'));
        assert.equal(shown, sent?.include_usage !== false);
        assert.equal(answer.events.at(-1), "[DONE]");
      });

    it("not outside of a stream", async () => {
      await chat(await channel({ type: 1 }), { stream_options: { include_usage: true } });
      assert.equal(upstream.last().body.stream_options, undefined);
    });

    it("a server that refuses the member is asked again without, and not again with it", async () => {
      const model = await channel({ type: 31 });
      upstream.say(({ body }) => body.stream_options && { status: 400, body: { error: { message: "Unknown parameter: stream_options", type: "invalid_request_error" } } });
      const from = upstream.asked.length;
      const first = await chat(model, { stream: true });
      assert.equal(first.status, 200);
      assert.equal(first.events.at(-1), "[DONE]");
      assert.equal(upstream.asked.length, from + 2);
      assert.equal((await chat(model, { stream: true })).status, 200);
      assert.equal(upstream.asked.length, from + 3);
      assert.equal(upstream.last().body.stream_options, undefined);
    });

    it("another refusal of such a server is the answer", async () => {
      const model = await channel({ type: 31 });
      upstream.say(() => ({ status: 400, body: { error: { message: "Unknown parameter: foo", type: "invalid_request_error" } } }));
      const from = upstream.asked.length;
      assert.equal((await chat(model, { stream: true })).status, 400);
      assert.equal(upstream.asked.length, from + 1);
    });

    it("a stream without usage gets the counted one before [DONE], unless the client declines", async () => {
      upstream.say(() => ({ body: chunks.slice(0, 2) }));
      const model = await channel({ type: 42 });
      const wanted = await chat(model, { stream: true });
      const added = JSON.parse(wanted.events.at(-2));
      assert.deepEqual(added.choices, []);
      assert.ok(added.usage.completion_tokens > 0);
      const declined = await chat(model, { stream: true, stream_options: { include_usage: false } });
      assert.equal(declined.events.length, 3);
    });
  });

  describe("answer in their way", () => {
    async function charged(answer) {
      const row = await all.admin.row(answer.headers["x-oneapi-request-id"]);
      return [row.prompt_tokens, row.completion_tokens, JSON.parse(row.other).cache_tokens ?? 0];
    }
    const answered = (more) => ({ id: "c", object: "chat.completion", created: 1, model: "up", choices: [{ index: 0, message: { role: "assistant", content: "hello" }, finish_reason: "stop" }], ...more });

    it("B6 xAI: reasoning belongs to the completion, for the bill and for the client", async () => {
      const figures = { prompt_tokens: 291, completion_tokens: 26, total_tokens: 513, completion_tokens_details: { reasoning_tokens: 196 } };
      upstream.say(() => ({ body: answered({ usage: figures }) }));
      const model = await channel({ type: 48 }, "grok-4");
      const plain = await chat(model);
      assert.equal(plain.json.usage.completion_tokens, 222);
      assert.deepEqual(await charged(plain), [291, 222, 0]);
      upstream.say(() => ({ body: [...chunks.slice(0, 2), { ...chunks[2], usage: figures }] }));
      const stream = await chat(model, { stream: true });
      assert.equal(JSON.parse(stream.events.at(-2)).usage.completion_tokens, 222);
      assert.deepEqual(await charged(stream), [291, 222, 0]);
    });

    it("B6 Moonshot and Zhipu: cached tokens in their places", async () => {
      const figures = { prompt_tokens: 100, completion_tokens: 5, total_tokens: 105, cached_tokens: 64 };
      upstream.say(() => ({ body: answered({ usage: figures }) }));
      assert.deepEqual(await charged(await chat(await channel({ type: 26 }))), [100, 5, 64]);
      assert.deepEqual(await charged(await chat(await channel({ type: 25 }))), [100, 5, 64]);
      assert.deepEqual(await charged(await chat(await channel({ type: 31 }))), [100, 5, 0]);
      upstream.say(() => ({ body: [chunks[0], { ...chunks[1], choices: [{ ...chunks[1].choices[0], usage: figures }] }] }));
      assert.deepEqual(await charged(await chat(await channel({ type: 25 }), { stream: true })), [100, 5, 64]);
    });

    it("MiniMax: a failure that comes with 200 is a failure", async () => {
      const model = await channel({ type: 35 });
      upstream.say(() => ({ body: { base_resp: { status_code: 1002, status_msg: "rate limit" } } }));
      const answer = await chat(model);
      assert.equal(answer.status, 429);
      assert.equal(answer.json.error.message, "rate limit");
      upstream.say(() => ({ body: answered({ usage, base_resp: { status_code: 0, status_msg: "" } }) }));
      assert.equal((await chat(model)).status, 200);
    });

    it("S2 a redirect of an upstream is followed nowhere and is an error", async () => {
      upstream.say(() => ({ status: 302, headers: { Location: `${upstream.url}/elsewhere` }, body: {} }));
      const from = upstream.asked.length;
      const answer = await chat(await channel({ type: 1 }));
      assert.equal(upstream.asked.length, from + 1);
      assert.equal(answer.status, 302);
      assert.equal(answer.headers.location, undefined);
    });

    it("force_format: plain answers and streams hold the members that every client knows", async () => {
      const model = await channel({ type: 1, setting: JSON.stringify({ force_format: true }) });
      upstream.say(() => ({ body: answered({ usage, odd: 1, service_tier: "x" }) }));
      const plain = (await chat(model)).json;
      assert.deepEqual(Object.keys(plain), ["id", "model", "object", "created", "choices", "usage"]);
      assert.equal(plain.usage.prompt_tokens, 11);
      upstream.say(() => ({ body: chunks.map((one) => ({ ...one, odd: 1 })) }));
      const { events } = await chat(model, { stream: true });
      const first = JSON.parse(events[0]);
      assert.deepEqual(Object.keys(first), ["id", "object", "created", "model", "system_fingerprint", "choices", "usage"]);
      assert.deepEqual(first.choices, [{ delta: { content: "hello", role: "assistant" }, logprobs: null, finish_reason: null, index: 0 }]);
    });

    it("thinking_to_content: reasoning stands in the content, between its marks", async () => {
      const model = await channel({ type: 43, setting: JSON.stringify({ thinking_to_content: true }) });
      const part = (delta) => ({ ...chunks[0], choices: [{ index: 0, delta, finish_reason: null }] });
      upstream.say(() => ({
        body: [part({ role: "assistant", content: null, reasoning_content: "a" }), part({ reasoning_content: "b" }), part({ content: "c" }), ...chunks.slice(1)],
      }));
      const { events } = await chat(model, { stream: true });
      const deltas = events.slice(0, 4).map((event) => JSON.parse(event).choices[0].delta);
      assert.deepEqual(deltas.map((delta) => delta.content), ["<think>\na", "b", "\n</think>\n", "c"]);
      assert.ok(!events.join().includes("reasoning_content"));
    });
  });

  describe("X1 show the client few of their headers", () => {
    const headers = {
      "Set-Cookie": "a=b",
      Server: "secret",
      "OpenAI-Organization": "org",
      "X-Request-Id": "req-1",
      "X-RateLimit-Remaining-Requests": "7",
      "Retry-After": "3",
      "X-Anything": "1",
    };
    const own = ["cache-control", "connection", "content-length", "content-type", "date", "keep-alive", "retry-after", "transfer-encoding", "vary", "x-accel-buffering", "x-new-api-version", "x-oneapi-request-id", "x-tollgate-node"];
    const foreign = (answer) => Object.keys(answer.headers).filter((name) => !own.includes(name) && !name.startsWith("access-control-")).sort();

    it("by default none but Retry-After of a refusal", async () => {
      const model = await channel({ type: 1 });
      upstream.say(() => ({ headers }));
      assert.deepEqual(foreign(await chat(model)), []);
      assert.deepEqual(foreign(await chat(model, { stream: true })), []);
      upstream.say(() => ({ status: 429, headers, body: { error: { message: "slow", type: "x" } } }));
      const refused = await chat(model);
      assert.deepEqual(foreign(refused), []);
      assert.equal(refused.headers["retry-after"], "3");
    });

    it("rate limits on a channel that passes them", async () => {
      const model = await channel({ type: 1, setting: JSON.stringify({ tg: { pass_limits: true } }) });
      for (const told of [{ headers }, { status: 429, headers, body: { error: { message: "slow", type: "x" } } }]) {
        upstream.say(() => told);
        assert.deepEqual(foreign(await chat(model)), ["x-ratelimit-remaining-requests"]);
      }
      upstream.say(() => ({ headers }));
      assert.deepEqual(foreign(await chat(model, { stream: true })), ["x-ratelimit-remaining-requests"]);
    });
  });
});

describe("proxies of the environment", { timeout: 120_000 }, () => {
  let gateway, admin, key, upstream, proxy;
  const tunnels = [];
  before(async () => {
    upstream = await startProvider();
    // Wherever a tunnel is to lead, it leads to the stand-in.
    proxy = createServer().on("connect", (request, socket, head) => {
      tunnels.push(request.url);
      const out = net.connect(upstream.port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        out.write(head);
        socket.pipe(out).pipe(socket);
      });
      out.on("error", () => socket.destroy());
      socket.on("error", () => out.destroy());
    });
    await new Promise((done) => proxy.listen(0, "127.0.0.1", done));
    gateway = await startGateway({
      env: { HTTP_PROXY: `http://127.0.0.1:${proxy.address().port}`, NO_PROXY: "direct.example,10.0.0.0/8", TOLLGATE_PASS_UPSTREAM_ID: "true" },
    });
    admin = await Account.setup(gateway.url);
    ({ key } = await admin.token());
  });
  after(async () => {
    await gateway?.stop();
    proxy?.closeAllConnections();
    proxy?.close();
    await upstream?.stop();
  });
  const chat = (model) => post(`${gateway.url}/v1/chat/completions`, key, { model, messages });

  it("carry calls of channels that name none", async () => {
    await admin.channel({ models: "far", base_url: "http://far.example:8080" });
    const answer = await chat("far");
    assert.equal(answer.status, 200, answer.body);
    assert.deepEqual(tunnels, ["far.example:8080"]);
  });

  it("carry no call to this machine, nor to what NO_PROXY names", async () => {
    const before = tunnels.length;
    await admin.channel({ models: "near", base_url: upstream.url });
    assert.equal((await chat("near")).status, 200);
    await admin.channel({ models: "exempt", base_url: "http://sub.direct.example" });
    assert.equal((await chat("exempt")).status, 500);
    assert.equal(tunnels.length, before);
  });

  it("TOLLGATE_PASS_UPSTREAM_ID: the upstream's request id reaches the client under a name of its own", async () => {
    await admin.channel({ models: "named", base_url: upstream.url });
    upstream.say(() => ({ headers: { "X-Request-Id": "req-1" } }));
    assert.equal((await chat("named")).headers["x-upstream-request-id"], "req-1");
    upstream.say();
  });

  it("a proxy that cannot be used refuses the start", async () => {
    await assert.rejects(startGateway({ env: { HTTPS_PROXY: "ftp://proxy.example" } }), /HTTPS_PROXY: unsupported URL scheme/);
  });
});
