// The JSON routes besides chat: moderations, pictures, speech, rerank, embeddings by the path of an engine. What passes,
// what each ending costs; every charge is computed apart from the gateway.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Account, eventually, rootName, rootPassword, startAll, startGateway, startMock } from "../lib/gateway.mjs";
import { quota, weigh } from "../lib/price.mjs";
import { removeDir, root, tempDir } from "../lib/process.mjs";
import { RawClient, payloads, post } from "../lib/raw.mjs";

const audioFiles = join(root, "tests/unit/core/audio"); // each plays 2.6 s
const unpriced = "37.5"; // ratio of a model that has no price
const served = [
  "text-moderation-stable",
  "dall-e",
  "dall-e-2",
  "dall-e-3",
  "gpt-image-1",
  "tts-1",
  "gpt-4o-audio-preview",
  "text-embedding-3-small",
  "rank-1",
];

describe("JSON routes", { timeout: 240_000 }, () => {
  let all, key;
  before(async () => {
    all = await startAll({ recordings: audioFiles, models: served.join(","), env: { ERROR_LOG_ENABLED: "true" } });
    ({ key } = await all.admin.token());
    await all.admin.option("RetryTimes", "1");
  });
  after(() => all?.stop());

  const url = (path) => `${all.gateway.url}/v1/${path}`;
  const ask = (path, body, options) => post(url(path), key, body, options);
  const upstream = async () => (await all.mock.requests()).at(-1);

  /** The one row of an answer, its tokens, charge and rule as expected; the charge came off the balance. */
  async function row(answer, { prompt, completion = 0, price, rule = "upstream", end = "finished" }) {
    const id = answer.headers?.["x-oneapi-request-id"] ?? answer.requestId;
    const found = await all.admin.row(id);
    const other = JSON.parse(found.other);
    assert.equal(found.rows, 1);
    assert.deepEqual(
      [found.prompt_tokens, found.completion_tokens, found.quota, other.settled_by, other.end],
      [prompt, completion, price, rule, end],
    );
    return { ...found, other };
  }
  /** A channel with a fault in front of a good one, for a model of its own. */
  async function pair(model, fault, more = {}) {
    await all.admin.channel({ name: `${model} bad`, base_url: all.mock.base(fault), models: model, priority: 10, ...more });
    await all.admin.channel({ name: `${model} good`, base_url: all.mock.url, models: model, priority: 0 });
    return model;
  }

  describe("moderations", () => {
    it("B9 without a model: the default one, also for the upstream; the estimate is charged", async () => {
      const input = "is this fine [[mock chunks=1]]";
      const answer = await ask("moderations", { input });
      assert.equal(answer.status, 200);
      const prompt = weigh(input) + 3;
      assert.equal(JSON.parse(answer.body).results.length, 1);
      assert.equal(JSON.parse(answer.body).usage.prompt_tokens, prompt);
      assert.equal((await upstream()).path, "/v1/moderations");
      assert.deepEqual(JSON.parse((await upstream()).body), { model: "text-moderation-stable", input });
      await row(answer, { prompt, price: quota({ prompt, completion: 0 }, { model: "0.1" }), rule: "counted" });
    });

    it("an input is required", async () => {
      const answer = await ask("moderations", { model: "text-moderation-stable", input: "" });
      assert.equal(answer.status, 400);
      const { error } = JSON.parse(answer.body);
      assert.equal(error.code, "invalid_request");
      assert.match(error.message, /^field input is required \(request id: /);
    });
  });

  describe("pictures", () => {
    it("B9 a price of a call by size, quality and count", async () => {
      const body = `{"model":"dall-e-3", "prompt":"a cube [[mock usage=none]]","size":"1024x1792","quality":"hd","n":2,"style":"vivid"}`;
      const answer = await ask("images/generations", body);
      assert.equal(answer.status, 200);
      assert.equal(JSON.parse(answer.body).data.length, 2);
      assert.equal(JSON.parse(answer.body).usage, undefined, "the answer passes as it came");
      assert.equal((await upstream()).body, body, "F1");
      const { content, other, is_stream } = await row(answer, { prompt: 2, price: 120_000, rule: "counted" });
      assert.equal(content, "大小 1024x1792, 品质 hd, 生成数量 2");
      assert.equal(other.model_price, 0.24);
      assert.equal(other.request_path, "/v1/images/generations");
      assert.deepEqual(other.request_conversion, ["openai_image"]);
      assert.equal(is_stream, false);
    });

    it("B9 a model priced by tokens: picture tokens of the input at their own ratio", async () => {
      const answer = await ask("images/generations", {
        model: "gpt-image-1",
        prompt: "[[mock usage=1000:4160 image_tokens=800]]",
      });
      const { content, other } = await row(answer, { prompt: 1000, completion: 4160, price: 87_700 });
      assert.equal(content, "品质 standard, 生成数量 1");
      assert.equal(other.image_output, 800);
    });

    it("B9 without usage a picture counts as a token", async () => {
      const answer = await ask("images/generations", { model: "dall-e-2", prompt: "[[mock usage=none]]", n: 3 });
      await row(answer, { prompt: 3, price: 113, rule: "counted" });
    });

    it("B1 the client leaves before the pictures come: the price of the call", async () => {
      const before = await all.mock.requests();
      const { key: own, id } = await all.admin.token({ name: "left pictures" });
      const body = { model: "dall-e-3", prompt: "a cube [[mock stall_head]]", n: 1 };
      const client = new RawClient(url("images/generations"), own, body);
      await eventually(async () => (await all.mock.requests()).length > before.length, "the upstream has it");
      await client.cut();
      const found = await eventually(
        async () => (await all.admin.consumeRows()).find((each) => each.token_id === id),
        "the row",
      );
      assert.equal(found.quota, 20_000);
      assert.equal(JSON.parse(found.other).settled_by, "prompt");
    });

    it("a large answer is read whole", async () => {
      const answer = await ask("images/generations", {
        model: "gpt-image-1",
        prompt: "[[mock size=3000000 usage=10:4160]]",
        n: 2,
      });
      assert.equal(JSON.parse(answer.body).data[1].b64_json.length, 4_000_000);
      await row(answer, { prompt: 10, completion: 4160, price: 83_225 });
    });

    it("a stream that the upstream does not make arrives as it is", async () => {
      const body = { model: "gpt-image-1", prompt: "[[mock json_on_stream usage=10:4160]]", stream: true };
      const answer = await ask("images/generations", body);
      assert.equal(JSON.parse(answer.body).data.length, 1);
      assert.equal((await row(answer, { prompt: 10, completion: 4160, price: 83_225 })).is_stream, false);
    });

    it("a reservation that the balance does not hold is refused with its amount", async () => {
      const token = await all.admin.token({ unlimited_quota: false, remain_quota: 5_209 });
      const answer = await post(url("images/generations"), token.key, { model: "gpt-image-1", prompt: "a cube" });
      assert.equal(answer.status, 403);
      assert.match(JSON.parse(answer.body).error.message, /need quota: ＄0\.010420/, "(500 + 1584) × 2.5 = 5210");
    });

    it("rules of models are named", async () => {
      const refused = async (body) => {
        const answer = await ask("images/generations", body);
        assert.equal(answer.status, 400);
        return JSON.parse(answer.body).error.message.replace(/ \(request id.*/, "");
      };
      assert.equal(await refused({ prompt: "x" }), "model is required");
      assert.match(await refused({ model: "dall-e-3", prompt: "x", size: "512x512" }), /^size must be one of 1024x1024/);
      assert.match(await refused({ model: "dall-e-2", prompt: "x", size: "1024×1024" }), /instead of the multiplication/);
    });

    it("B9 S5 a stream: events keep their names and the usage is charged", async () => {
      const answer = await ask("images/generations", {
        model: "gpt-image-1",
        prompt: "[[mock chunks=2 delay_ms=5 usage=50:4160 image_tokens=40]]",
        stream: true,
        partial_images: 2,
      });
      assert.match(answer.headers["content-type"], /^text\/event-stream/);
      const names = [...answer.body.toString().matchAll(/^event: (.*)$/gm)].map(([, name]) => name);
      assert.deepEqual(names, [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
      ]);
      assert.equal(JSON.parse(payloads(answer.body).at(-1)).usage.output_tokens, 4160);
      assert.equal(JSON.parse((await upstream()).body).stream_options, undefined);
      const price = quota({ prompt: 50 - 40 + 80, completion: 4160 }, { model: "2.5", completion: "8" });
      assert.equal((await row(answer, { prompt: 50, completion: 4160, price })).is_stream, true);
    });

    it("S1 a stream that breaks off ends with an error event and costs what came", async () => {
      const prompt = "a cube [[mock chunks=3 cut_after=2]]";
      await all.admin.channel({ name: "cuts", base_url: all.mock.url, models: "picture-1" });
      const answer = await ask("images/generations", { model: "picture-1", prompt, stream: true });
      const text = answer.body.toString();
      assert.match(text, /\nevent: error\ndata: \{"error":/);
      assert.doesNotMatch(text, /completed|\[DONE\]/);
      const tokens = weigh(prompt);
      await row(answer, {
        prompt: tokens,
        completion: 200,
        price: quota({ prompt: tokens, completion: 200 }, { model: unpriced }),
        rule: "counted",
        end: "upstream_reset",
      });
    });
  });

  describe("speech", () => {
    const spoken = (directive, length) => `[[mock ${directive}]]`.padEnd(length, "x");

    it("B9 characters and the length of the audio; only its type of the upstream's headers", async () => {
      const input = spoken("audio_ms=7200 chunks=9", 120);
      const body = `{"model":"tts-1","voice":"alloy", "input":${JSON.stringify(input)}}`;
      const answer = await ask("audio/speech", body);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers["content-type"], "audio/mpeg");
      assert.equal(answer.headers["set-cookie"], undefined);
      assert.equal(answer.headers["openai-organization"], undefined);
      assert.equal(answer.body.length, 300 * 96);
      assert.equal((await upstream()).body, body, "F1");
      const { other, content } = await row(answer, { prompt: 120, completion: 133, price: 900, rule: "counted" });
      assert.deepEqual([other.audio, other.text_input, other.audio_output], [true, 120, 133]);
      assert.equal(
        content,
        "模型倍率 7.50，补全倍率 1.00，音频倍率 1.00，音频补全倍率 0.00，分组倍率 1.00",
      );
    });

    it("the reservation is that of the characters, 500 tokens at least", async () => {
      const refused = async (remain_quota, length) => {
        const token = await all.admin.token({ unlimited_quota: false, remain_quota });
        const body = { model: "tts-1", input: "é".repeat(length) };
        const answer = await post(url("audio/speech"), token.key, body);
        assert.equal(answer.status, 403);
        return JSON.parse(answer.body).error.message;
      };
      assert.match(await refused(3_749, 120), /need quota: ＄0\.007500/);
      assert.match(await refused(4_499, 600), /need quota: ＄0\.009000/);
    });

    for (const [format, type] of [
      ["mp3", "audio/mpeg"],
      ["opus", "audio/ogg"],
      ["aac", "audio/aac"],
      ["flac", "audio/flac"],
      ["wav", "audio/wav"],
    ])
      it(`B9 ${format} arrives byte for byte and is measured`, async () => {
        const file = readFileSync(join(audioFiles, `plain.${format}`));
        const input = spoken(`recording=plain.${format}`, 40);
        const answer = await ask("audio/speech", { model: "tts-1", voice: "alloy", input, response_format: format });
        assert.equal(answer.headers["content-type"], type);
        assert.ok(answer.body.equals(file));
        await row(answer, { prompt: 40, completion: 50, price: 300, rule: "counted" }); // 3 s begun of 60 for 1,000
      });

    it("B9 pcm is measured by its size, unknown formats count a token a thousand bytes", async () => {
      const ask2 = (response_format, directive) =>
        ask("audio/speech", { model: "tts-1", input: spoken(directive, 40), response_format });
      await row(await ask2("pcm", "audio_ms=60001"), { prompt: 40, completion: 1017, price: 300, rule: "counted" });
      await row(await ask2("own", "audio_ms=2400"), { prompt: 40, completion: 10, price: 300, rule: "counted" });
    });

    it("B9 events: the usage of the last one is charged", async () => {
      const input = spoken("audio_ms=240 chunks=3 usage=14:101", 60);
      const answer = await ask("audio/speech", { model: "tts-1", input, stream_format: "sse" });
      const events = payloads(answer.body).map((payload) => JSON.parse(payload));
      assert.deepEqual(
        events.map((event) => event.type),
        ["speech.audio.delta", "speech.audio.delta", "speech.audio.delta", "speech.audio.done"],
      );
      const { is_stream } = await row(answer, { prompt: 14, completion: 101, price: 863 }); // 115 × 7.5
      assert.equal(is_stream, true);
    });

    it("B9 events without usage: characters, and audio by its size", async () => {
      const input = spoken("audio_ms=2400 chunks=3 usage=none", 60);
      const answer = await ask("audio/speech", { model: "tts-1", input, stream_format: "sse" });
      await row(answer, { prompt: 60, completion: 10, price: 450, rule: "counted" });
    });

    it("B1 the client leaves in the middle: the upstream is cut, what came is charged", async () => {
      const { aborted } = await all.mock.stats();
      const input = spoken("audio_ms=240000 chunks=1000 delay_ms=20", 100);
      const client = new RawClient(url("audio/speech"), key, { model: "tts-1", input });
      await client.until((c) => c.text.length > 2000, "audio");
      await client.cut();
      await eventually(async () => (await all.mock.stats()).aborted > aborted, "the upstream sees the cut");
      const found = await all.admin.row(client.requestId);
      const other = JSON.parse(found.other);
      assert.equal(found.prompt_tokens, 100);
      assert.ok(found.completion_tokens >= 17 && found.completion_tokens < 4000, `${found.completion_tokens}`);
      assert.equal(found.quota, 750);
      assert.deepEqual([other.settled_by, other.end], ["counted", "client_gone"]);
    });

    /** A channel that reads on after its client left, for a model of its own. */
    const drains = async (model) => {
      const setting = JSON.stringify({ tg: { on_disconnect: "drain" } });
      await all.admin.channel({ name: model, base_url: all.mock.url, models: model, setting });
      return model;
    };
    it("B1 B3 the client leaves and the channel drains: the whole audio is measured", async () => {
      const model = await drains("voice-2");
      const input = spoken("audio_ms=7200 chunks=30 delay_ms=10", 100);
      const client = new RawClient(url("audio/speech"), key, { model, input });
      await client.until((c) => c.text.length > 2000, "audio");
      await client.cut();
      const price = Math.round((100 + 133) * 37.5);
      await row(client, { prompt: 100, completion: 133, price, rule: "counted", end: "client_gone" });
    });

    it("B1 the client leaves before the first byte: the characters", async () => {
      const input = spoken("stall_head", 100);
      const before = await all.mock.requests();
      const { key: own, id } = await all.admin.token({ name: "left early" });
      const client = new RawClient(url("audio/speech"), own, { model: "tts-1", input });
      await eventually(async () => (await all.mock.requests()).length > before.length, "the upstream has it");
      await client.cut();
      const found = await eventually(
        async () => (await all.admin.consumeRows()).find((each) => each.token_id === id),
        "the row",
      );
      assert.deepEqual([found.prompt_tokens, found.completion_tokens, found.quota], [100, 0, 750]);
      assert.equal(JSON.parse(found.other).settled_by, "prompt");
    });

    it("S1 an upstream that breaks off: so does the answer, no byte is added, what came is charged", async () => {
      const input = spoken("audio_ms=4800 chunks=10 cut_after=5", 100);
      const answer = await ask("audio/speech", { model: "tts-1", input });
      assert.equal(answer.status, 200);
      assert.equal(answer.ended, false);
      assert.equal(answer.body.length, 100 * 96);
      await row(answer, { prompt: 100, completion: 50, price: 750, rule: "counted", end: "upstream_reset" });
    });

    it("S4 S6 an upstream that falls silent", async () => {
      await all.admin.channel({
        name: "silent",
        base_url: all.mock.url,
        models: "voice-1",
        setting: JSON.stringify({ tg: { timeouts: { gap_s: 1 } } }),
      });
      const input = spoken("audio_ms=2400 chunks=2 stall_after=1", 60);
      const answer = await ask("audio/speech", { model: "voice-1", input });
      assert.equal(answer.ended, false);
      const price = (60 + 33) * 37.5;
      const found = await row(answer, {
        prompt: 60,
        completion: 33,
        price: Math.round(price),
        rule: "counted",
        end: "idle_timeout",
      });
      assert.equal(found.other.time_limit, "gap");
    });

    it("S1 a client of HTTP/1.0, to which the end of the connection is the end of the answer, sees a reset", async () => {
      // The reset comes a second behind the audio: together with data Node takes it for an end.
      const body = JSON.stringify({ model: "voice-1", input: spoken("audio_ms=2400 chunks=2 stall_after=1", 60) });
      const socket = net.connect({ host: "127.0.0.1", port: all.gateway.port });
      const failed = new Promise((done) => socket.once("error", done).once("end", () => done(undefined)));
      let text = "";
      socket.on("data", (part) => (text += part.toString("latin1")));
      socket.write(
        `POST /v1/audio/speech HTTP/1.0\r\nHost: x\r\nContent-Type: application/json\r\n` +
          `Authorization: Bearer ${key}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      assert.equal((await failed)?.code, "ECONNRESET", text.slice(0, 1000));
    });

    it("S5 a client that takes nothing holds the upstream back", async () => {
      const input = spoken("audio_ms=1200000 chunks=600", 60); // 57.6 MB
      const response = await fetch(url("audio/speech"), {
        method: "POST",
        headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
        body: JSON.stringify({ model: "tts-1", input, response_format: "pcm" }),
      });
      for (let i = 0; i < 20; ++i) await ask("moderations", { input: "while it waits" });
      assert.equal((await all.mock.stats()).answers_open, 1);
      let bytes = 0;
      for await (const part of response.body) bytes += part.length;
      assert.equal(bytes, 57_600_000);
      const requestId = response.headers.get("x-oneapi-request-id");
      await row({ requestId }, { prompt: 60, completion: 20_000, price: 450, rule: "counted" });
    });

    it("the model is required although a channel is looked for without", async () => {
      const answer = await ask("audio/speech", { input: "hi" });
      assert.equal(answer.status, 400);
      assert.match(JSON.parse(answer.body).error.message, /^model is required/);
    });
  });

  describe("rerank", () => {
    it("B9 the reported total is the prompt", async () => {
      const body = `{"model":"rank-1","query":"cats [[mock usage=17:0]]","documents":["a cat",{"text":"a dog"}], "top_n":1}`;
      const answer = await ask("rerank", body);
      assert.equal(JSON.parse(answer.body).results.length, 2);
      assert.equal((await upstream()).body, body, "F1");
      await row(answer, { prompt: 17, price: quota({ prompt: 17, completion: 0 }, { model: unpriced }) });
    });

    it("B9 without usage: documents and query are counted", async () => {
      const query = "cats [[mock usage=none]]";
      const answer = await ask("rerank", { model: "rank-1", query, documents: ["a cat", { text: "a dog", id: 7 }] });
      assert.equal(JSON.parse(answer.body).usage, undefined);
      const prompt = weigh(`a cat\nmap[id:7 text:a dog]\n${query}`);
      await row(answer, { prompt, price: quota({ prompt, completion: 0 }, { model: unpriced }), rule: "counted" });
    });
  });

  describe("embeddings by the path of an engine", () => {
    const model = "text-embedding-3-small";
    it("B9 the model of the path, in the body for the upstream", async () => {
      const answer = await ask(`engines/${model}/embeddings`, { input: "x [[mock usage=1234:0]]" });
      assert.equal(answer.status, 200);
      const { path, body } = await upstream();
      assert.equal(path, "/v1/embeddings");
      assert.equal(JSON.parse(body).model, model);
      const found = await row(answer, { prompt: 1234, price: 12 });
      assert.equal(found.model_name, model);
      assert.equal(found.other.request_path, `/v1/engines/${model}/embeddings`);
    });
    it("the model of the body wins", async () => {
      const answer = await ask("engines/ada/embeddings", { model, input: "x [[mock usage=100:0]]" });
      await row(answer, { prompt: 100, price: 1 });
    });
    it("a model without a channel, a body without input", async () => {
      assert.equal((await ask("engines/nobody/embeddings", { input: "x" })).status, 503);
      assert.equal((await ask(`engines/${model}/embeddings`, {})).status, 400);
    });
  });

  it("B9 chat with audio: text and audio tokens have their own prices", async () => {
    const answer = await ask("chat/completions", {
      model: "gpt-4o-audio-preview",
      messages: [{ role: "user", content: "[[mock usage=300:130 audio=200:80]]" }],
    });
    const { other } = await row(answer, { prompt: 300, completion: 130, price: 5975 });
    assert.deepEqual(
      [other.text_input, other.audio_input, other.text_output, other.audio_output],
      [100, 200, 50, 80],
    );
  });

  const bodies = {
    moderations: (model) => ({ model, input: "hi" }),
    "images/generations": (model) => ({ model, prompt: "hi" }),
    "audio/speech": (model) => ({ model, input: "hi" }),
    rerank: (model) => ({ model, query: "hi", documents: ["a"] }),
    embeddings: (model) => ({ model, input: "hi" }),
  };
  for (const [path, body] of Object.entries(bodies))
    for (const fault of ["status=500", "html200", "empty200", "cut_head"]) {
      if (path === "embeddings" && fault === "empty200") continue; // the stand-in knows no empty embeddings
      it(`S2 ${path}: ${fault}, and another channel answers`, async () => {
        const model = await pair(`${path} ${fault}`, fault);
        const answer = await ask(path, body(model));
        assert.equal(answer.status, 200, answer.body.toString());
        const found = await all.admin.row(answer.headers["x-oneapi-request-id"]);
        assert.equal(found.rows, 1);
        assert.equal(JSON.parse(found.other).admin_info.use_channel.length, 2);
      });
    }

  it("S2 streams of pictures and speech: an error before the first event, and another channel answers", async () => {
    for (const [path, more] of [
      ["images/generations", { stream: true }],
      ["audio/speech", { stream_format: "sse" }],
    ]) {
      const model = await pair(`${path} error event`, "error_after=0");
      const answer = await ask(path, { ...bodies[path](model), ...more });
      assert.doesNotMatch(answer.body.toString(), /error/);
      const found = await all.admin.row(answer.headers["x-oneapi-request-id"]);
      assert.equal(JSON.parse(found.other).admin_info.use_channel.length, 2);
    }
  });

  it("an upstream's refusal arrives with its status and text", async () => {
    for (const [path, body] of Object.entries(bodies)) {
      const model = `refused ${path}`;
      await all.admin.channel({ name: model, base_url: all.mock.base("status=400"), models: model });
      const answer = await ask(path, body(model));
      assert.equal(answer.status, 400, path);
      assert.deepEqual(JSON.parse(answer.body).error, {
        message: "mock error 400",
        type: "mock_error",
        param: "",
        code: "mock_400",
      });
    }
  });

  it("F1 a mapped model is all that changes; bodies of speech are mapped also where bodies pass", async () => {
    for (const [path, body] of Object.entries(bodies)) {
      const model = `mapped ${path}`;
      await all.admin.channel({
        name: model,
        base_url: all.mock.url,
        models: model,
        model_mapping: JSON.stringify({ [model]: "other" }),
        setting: JSON.stringify({ pass_through_body_enabled: path === "audio/speech" || path === "embeddings" }),
      });
      const text = JSON.stringify({ ...body(model), future: 1.0, more: "\u00e9" }).replace('"future":1', '"future":1.0');
      const answer = await ask(path, text);
      assert.equal(answer.status, 200, path);
      assert.equal((await upstream()).body, text.replace(JSON.stringify(model), '"other"'), path);
      const found = await all.admin.row(answer.headers["x-oneapi-request-id"]);
      assert.equal(JSON.parse(found.other).upstream_model_name, "other");
    }
  });

  it("bodies that break a rule are 500 where the option says so", async () => {
    await all.admin.option("tg.validation_status", "500");
    try {
      for (const [path, body] of [
        ["moderations", {}],
        ["images/generations", { prompt: "x" }],
        ["audio/speech", { input: "x" }],
        ["rerank", { model: "rank-1", query: "x", documents: [] }],
      ]) {
        const answer = await ask(path, body);
        assert.deepEqual([answer.status, JSON.parse(answer.body).error.code], [500, "invalid_request"], path);
      }
    } finally {
      await all.admin.option("tg.validation_status", "400");
    }
  });

  it("other content types are refused", async () => {
    const response = await fetch(url("rerank"), {
      method: "POST",
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "text/plain" },
      body: JSON.stringify(bodies.rerank("rank-1")),
    });
    assert.equal(response.status, 400);
    assert.equal((await response.json()).error.code, "invalid_request");
  });

  it("B9 all of it together: the rows are the fall of the balance", async () => {
    const balance = await all.admin.balance();
    const before = (await all.admin.consumeRows()).length;
    await Promise.all(
      Array.from({ length: 40 }, (_, i) => {
        const [path, body] = Object.entries(bodies)[i % 4];
        return ask(path, body(["text-moderation-stable", "gpt-image-1", "tts-1", "rank-1"][i % 4]));
      }),
    );
    const rows = await eventually(async () => {
      const now = await all.admin.consumeRows();
      return now.length >= before + 40 && now.slice(0, 40);
    }, "forty rows");
    const sum = rows.reduce((total, { quota: units }) => total + units, 0);
    assert.equal(balance - (await all.admin.balance()), sum);
  });
});

describe("JSON routes at their bounds", { timeout: 120_000 }, () => {
  const env = { TOLLGATE_MAX_ANSWER_MB: "1", TOLLGATE_DRAIN_TIMEOUT: "1s" };
  let dir, mock, gateway, admin, key;
  before(async () => {
    dir = tempDir("speech");
    mock = await startMock();
    gateway = await startGateway({ dir, env });
    admin = await Account.setup(gateway.url);
    await admin.channel({ base_url: mock.url, models: "tts-1,gpt-image-1,rank-1,text-moderation-stable" });
    ({ key } = await admin.token());
  });
  after(async () => {
    await gateway?.stop();
    await mock?.stop();
    if (dir) removeDir(dir);
  });
  const speech = () => `${gateway.url}/v1/audio/speech`;

  const lies = {
    moderations: (text) => ({ input: text }),
    "images/generations": (text) => ({ model: "gpt-image-1", prompt: text }),
    "audio/speech": (text) => ({ model: "tts-1", input: text }),
    rerank: (text) => ({ model: "rank-1", query: text, documents: ["a"] }),
  };
  for (const [path, body] of Object.entries(lies))
    it(`B1 ${path}: an upstream that lies gets an error and no charge, the next request works`, async () => {
      const rows = (await admin.consumeRows()).length;
      const balance = await admin.balance();
      for (const lie of [
        "endless_head",
        "endless_body",
        "switch_protocols",
        "gzip_bomb",
        "close_at=20",
        "html200",
        "empty200",
        "cut_head",
      ]) {
        const answer = await post(`${gateway.url}/v1/${path}`, key, body(`[[mock ${lie}]]`));
        assert.equal(answer.status, 500, `${lie}: ${answer.body.toString().slice(0, 200)}`);
        assert.equal(answer.headers["content-type"], "application/json; charset=utf-8");
      }
      assert.equal((await admin.consumeRows()).length, rows);
      assert.equal(await admin.balance(), balance);
      const next = await post(`${gateway.url}/v1/${path}`, key, body("hi"));
      assert.equal(next.status, 200);
      await admin.row(next.headers["x-oneapi-request-id"]); // rows are written behind the answer
    });

  for (const [path, body, prompt] of [
    ["images/generations", lies["images/generations"], () => 1],
    ["rerank", lies.rerank, (text) => weigh(`a\n${text}`)],
  ])
    it(`B7 ${path}: figures that cannot be are not charged`, async () => {
      for (const odd of ["negative", "huge", "fraction", "text", "total"]) {
        const text = `[[mock odd_usage=${odd}]]`;
        const answer = await post(`${gateway.url}/v1/${path}`, key, body(text));
        assert.equal(answer.status, 200);
        const row = await admin.row(answer.headers["x-oneapi-request-id"]);
        assert.equal(row.prompt_tokens, prompt(text), odd);
        assert.deepEqual([JSON.parse(row.other).usage_refused, JSON.parse(row.other).settled_by], [true, "counted"]);
      }
    });

  it("an answer without end is broken off and charged for what came", async () => {
    const input = "[[mock audio_ms=60000 chunks=60]]".padEnd(60, "x"); // 2.88 MB
    const answer = await post(speech(), key, { model: "tts-1", input, response_format: "pcm" });
    assert.equal(answer.ended, false);
    assert.ok(answer.body.length <= 1 << 20);
    const row = await admin.row(answer.headers["x-oneapi-request-id"]);
    assert.equal(row.quota, 450);
    assert.ok(row.completion_tokens >= 350 && row.completion_tokens < 1000, `${row.completion_tokens}`);
    assert.equal(JSON.parse(row.other).end, "upstream_reset");
  });

  it("B1 S6 SIGTERM and the drain time is over: broken off, what came is charged", async () => {
    const input = "[[mock audio_ms=240000 chunks=1000 delay_ms=20]]".padEnd(60, "x");
    const client = new RawClient(speech(), key, { model: "tts-1", input });
    await client.until((c) => c.text.length > 2000, "audio");
    await gateway.stop();
    await client.closed;
    assert.doesNotMatch(client.text, /error|\r\n0\r\n\r\n$/);
    gateway = await startGateway({ dir, env });
    admin = await Account.login(gateway.url, rootName, rootPassword);
    const row = await admin.row(client.requestId);
    assert.equal(row.rows, 1);
    assert.deepEqual([row.prompt_tokens, row.quota], [60, 450]);
    assert.ok(row.completion_tokens > 0 && row.completion_tokens < 4000, `${row.completion_tokens}`);
    const other = JSON.parse(row.other);
    assert.deepEqual([other.settled_by, other.end], ["counted", "gateway_shutdown"]);
  });
});
