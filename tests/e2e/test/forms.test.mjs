// What comes as a form: recordings to write down and pictures to change. Byte by byte, by the official SDK, and when the
// client, the upstream or the disk does not play along.
import assert from "node:assert/strict";
import { File } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { createReadStream, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import OpenAI, { toFile } from "openai";
import { eventually, startAll } from "../lib/gateway.mjs";
import { quota, ratios } from "../lib/price.mjs";
import { removeDir, residentBytes, tempDir } from "../lib/process.mjs";
import { payloads, post } from "../lib/raw.mjs";
import { form, wav } from "../lib/recording.mjs";

// The SDK wants it as a global, which Debian's Node 18 does not have.
globalThis.File ??= File;

const MiB = 1 << 20;
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const png = Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), randomBytes(500)]);

describe("forms", { timeout: 240_000 }, () => {
  let all, client, key, dir;
  before(async () => {
    dir = tempDir("forms");
    all = await startAll({ env: { MAX_REQUEST_BODY_MB: "70" } });
    ({ key } = await all.admin.token());
    client = new OpenAI({ baseURL: `${all.gateway.url}/v1`, apiKey: key, maxRetries: 0 });
    await all.admin.option("RetryTimes", "2");
    await all.admin.channel({ base_url: all.mock.base("usage=none"), models: "whisper-1,gpt-image-1" });
    await all.admin.channel({ base_url: all.mock.base("usage=100:20"), models: "gpt-4o-mini" });
    await all.admin.channel({ base_url: all.mock.base("usage=1000:4160,image_tokens=800"), models: "pictures" });
  });
  after(async () => {
    await all?.stop();
    removeDir(dir);
  });

  const send = (path, { type, body }, options) => post(`${all.gateway.url}${path}`, key, body, { type, ...options });
  const transcribe = (parts, options) => send("/v1/audio/transcriptions", form(parts), options);
  const rowOf = async ({ headers }) => {
    const row = await all.admin.row(headers["x-oneapi-request-id"]);
    assert.equal(row.rows, 1);
    return { ...row, other: JSON.parse(row.other) };
  };
  const lastForm = async () => (await all.mock.requests()).at(-1).form;
  const error = ({ body }) => JSON.parse(body).error;
  const consumed = async () => (await all.admin.consumeRows()).length;
  /** Served by a channel with this fault first, then by a good one. */
  async function pair(model, fault) {
    await all.admin.channel({ base_url: all.mock.base(fault), models: model, priority: 10 });
    await all.admin.channel({ base_url: all.mock.base("usage=100:20"), models: model, priority: 0 });
    return model;
  }

  describe("transcriptions", () => {
    it("cost 1,000 tokens a minute, seconds begun whole, when the upstream reports none", async () => {
      const answer = await transcribe([["model", "whisper-1"], ["file", wav(95.3), "speech.wav", "audio/wav"]]);
      assert.equal(answer.status, 200);
      const row = await rowOf(answer);
      assert.deepEqual([row.prompt_tokens, row.completion_tokens, row.quota], [1600, 0, 24000]);
      assert.equal(row.other.settled_by, "counted");
    });

    it("cost what the upstream reports, when it does", async () => {
      const row = await rowOf(await transcribe([["file", wav(60), "a.wav"], ["model", "gpt-4o-mini"]]));
      assert.equal(row.quota, quota({ prompt: 100, completion: 20 }, ratios["gpt-4o-mini"]));
      assert.equal(row.other.settled_by, "upstream");
    });

    for (const format of ["json", "text", "srt", "vtt", "verbose_json", "diarized_json"])
      it(`F1 answer with ${format} as the upstream wrote it`, async () => {
        const sent = form([["model", "whisper-1"], ["response_format", format], ["file", wav(1), "a.wav"]]);
        const direct = await post(`${all.mock.base("usage=none")}/v1/audio/transcriptions`, "sk-x", sent.body, { type: sent.type });
        const answer = await send("/v1/audio/transcriptions", sent);
        assert.equal(answer.status, 200);
        assert.deepEqual(answer.body, direct.body);
        assert.equal(answer.headers["content-type"], direct.headers["content-type"]);
        assert.equal((await rowOf(answer)).prompt_tokens, 17);
      });

    it("F1 reach the upstream with every field and byte, only the model is another", async () => {
      await all.admin.channel({ base_url: all.mock.base("usage=5:5"), models: "mine", model_mapping: '{"mine":"theirs"}' });
      const recording = wav(2);
      const answer = await transcribe([
        ["language", "de"],
        ["model", "mine"],
        ["timestamp_granularities[]", "word"],
        ["timestamp_granularities[]", "segment"],
        ["made_up", " kept \r\nas it is "],
        ["temperature", "0.20"],
        ["file", recording, "größe 1.wav", "audio/x-wav"],
      ]);
      assert.equal(answer.status, 200);
      const parts = (await lastForm()).map(({ sha256, size, base64, ...part }) => part);
      assert.deepEqual(parts, [
        { name: "language", text: "de" },
        { name: "model", text: "theirs" },
        { name: "timestamp_granularities[]", text: "word" },
        { name: "timestamp_granularities[]", text: "segment" },
        { name: "made_up", text: " kept \r\nas it is " },
        { name: "temperature", text: "0.20" },
        { name: "file", file: "größe 1.wav", type: "audio/x-wav" },
      ]);
      assert.equal((await lastForm()).at(-1).sha256, sha256(recording));
    });

    it("are read when they come packed", async () => {
      const { type, body } = form([["model", "whisper-1"], ["file", wav(30), "a.wav"]]);
      const answer = await send("/v1/audio/transcriptions", { type, body: gzipSync(body) }, { headers: { "Content-Encoding": "gzip" } });
      assert.equal(answer.status, 200);
      assert.equal((await rowOf(answer)).prompt_tokens, 500);
    });

    it("stream their events as they came, the last one after the charge", async () => {
      const answer = await transcribe([["model", "gpt-4o-mini"], ["stream", "true"], ["file", wav(1), "a.wav"]]);
      assert.equal(answer.status, 200);
      assert.match(answer.headers["content-type"], /^text\/event-stream/);
      const events = payloads(answer.body).map((text) => JSON.parse(text));
      assert.deepEqual(events.map(({ type }) => type), [...Array(4).fill("transcript.text.delta"), "transcript.text.done"]);
      assert.equal(events.at(-1).text, events.slice(0, 4).map(({ delta }) => delta).join(""));
      const row = await rowOf(answer);
      assert.deepEqual([row.prompt_tokens, row.completion_tokens, row.is_stream], [100, 20, true]);
    });

    it("S1 a stream that breaks off ends with an error event and not as if it were whole", async () => {
      await all.admin.channel({ base_url: all.mock.base("cut_after=2"), models: "cut" });
      const answer = await transcribe([["model", "cut"], ["stream", "true"], ["file", wav(60), "a.wav"]]);
      const text = answer.body.toString();
      assert.doesNotMatch(text, /\[DONE\]|transcript\.text\.done/);
      assert.match(text, /event: error\ndata: \{"error":/);
      const row = await rowOf(answer);
      assert.equal(row.other.end, "upstream_reset");
      assert.equal(row.prompt_tokens, 1000);
    });

    it("a plain answer to a request for a stream passes, as whisper-1 gives it", async () => {
      await all.admin.channel({ base_url: all.mock.base("usage=none,json_on_stream"), models: "old" });
      const answer = await transcribe([["model", "old"], ["stream", "true"], ["response_format", "text"], ["file", wav(3), "a.wav"]]);
      assert.match(answer.headers["content-type"], /^text\/plain/);
      assert.equal((await rowOf(answer)).prompt_tokens, 50);
    });
  });

  describe("what is refused", () => {
    const file = ["file", wav(1), "a.wav"];
    for (const [what, parts, code, message] of [
      ["no model", [file], "invalid_request", /^model is required/],
      ["no file", [["model", "whisper-1"]], "invalid_request", /^file is required/],
      ["a file that is no recording by its name", [["model", "whisper-1"], ["file", wav(1), "a.txt"]], "count_token_failed", /^error getting audio duration: unsupported audio format: \.txt/],
      ["a file that is no recording by its bytes", [["model", "whisper-1"], ["file", "words", "a.mp3"]], "count_token_failed", /^error getting audio duration: /],
      ["two models", [["model", "whisper-1"], ["model", "gpt-image-1"], file], "", /duplicate member "model"/],
      ["a stream that is neither true nor false", [["model", "whisper-1"], ["stream", "maybe"], file], "invalid_request", /^stream must be/],
    ])
      it(`${what}: 400`, async () => {
        const before = await consumed();
        const answer = await transcribe(parts);
        assert.equal(answer.status, 400, answer.body.toString());
        assert.equal(error(answer).code ?? "", code);
        assert.match(error(answer).message, message);
        assert.equal(await consumed(), before);
      });

    it("a recording in JSON, a form cut short, and one without a boundary: 400 count_token_failed", async () => {
      const { type, body } = form([["model", "whisper-1"], file]);
      for (const sent of [
        { type: "application/json", body: '{"model":"whisper-1"}' },
        { type, body: body.subarray(0, body.length - 10) },
        { type: "multipart/form-data", body },
      ]) {
        const answer = await send("/v1/audio/transcriptions", sent);
        assert.equal(answer.status, 400);
        assert.equal(error(answer).code, "count_token_failed");
        assert.match(error(answer).message, /^error parsing multipart form: /);
      }
    });

    it("a recording that cannot be measured: 500, when the operator wants validation to say so", async () => {
      await all.admin.option("tg.validation_status", "500");
      try {
        const answer = await transcribe([["model", "whisper-1"], ["file", "words", "a.mp3"]]);
        assert.equal(answer.status, 500);
        assert.equal(error(answer).code, "count_token_failed");
      } finally {
        await all.admin.option("tg.validation_status", "400");
      }
    });

    it("forms on routes that take JSON: 400", async () => {
      for (const type of ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]) {
        const answer = await send("/v1/chat/completions", { type, body: "model=gpt-4o-mini&prompt=x" });
        assert.equal(answer.status, 400);
        assert.equal(error(answer).code, "invalid_request");
        assert.match(error(answer).message, /^the body must be application\/json/);
      }
    });

    it("a body over the limit: 413", async () => {
      const answer = await transcribe([["model", "whisper-1"], ["file", Buffer.alloc(71 * MiB), "a.wav"]]).catch((cut) => cut);
      // The gateway answers and closes while the client still sends.
      if (answer.status) assert.equal(answer.status, 413);
      const kept = (await all.mock.requests()).filter(({ form: parts }) => parts?.some(({ size }) => size > 70 * MiB));
      assert.equal(kept.length, 0);
    });

    it("an upload for which there is no room on disk: 507, and the next small one goes through", async () => {
      await all.admin.option("performance_setting.disk_cache_max_size_mb", "1");
      try {
        const answer = await transcribe([["model", "whisper-1"], ["file", wav(1600), "a.wav"]]);
        assert.equal(answer.status, 507, answer.body.toString());
        assert.equal(error(answer).code, "insufficient_storage");
        assert.equal((await transcribe([["model", "whisper-1"], ["file", wav(1), "a.wav"]])).status, 200);
      } finally {
        await all.admin.option("performance_setting.disk_cache_max_size_mb", "1024");
      }
    });
  });

  describe("pictures", () => {
    it("F1 are sent under the names they came with, with a type the upstream takes", async () => {
      const answer = await send("/v1/images/edits", form([
        ["image[]", png, "a.png", "image/png"],
        ["image[]", png, "b.jpg"],
        ["mask", png, "m.webp", "text/html"],
        ["model", "pictures"],
        ["prompt", "a hat"],
      ]));
      assert.equal(answer.status, 200);
      const parts = (await lastForm()).map(({ name, type, text }) => [name, type ?? text]);
      assert.deepEqual(parts, [["image[]", "image/png"], ["image[]", "image/jpeg"], ["mask", "image/webp"], ["model", "pictures"], ["prompt", "a hat"]]);
    });

    it("cost their usage with picture tokens apart", async () => {
      await all.admin.channel({ base_url: all.mock.base("usage=1000:4160,image_tokens=800"), models: "gpt-image-1", priority: 5 });
      const row = await rowOf(await send("/v1/images/edits", form([["image", png, "a.png"], ["prompt", "a hat"], ["model", "gpt-image-1"]])));
      assert.equal(row.quota, 87700);
    });

    it("cost the price of a call for each when they are priced by the call", async () => {
      await all.admin.channel({ base_url: all.mock.base("usage=none"), models: "dall-e-3" });
      const row = await rowOf(await send("/v1/images/edits", form([["image", png, "a.png"], ["n", "2"], ["prompt", "a hat"], ["model", "dall-e-3"]])));
      assert.equal(row.quota, 40000);
    });

    it("may come as JSON, which passes as it came", async () => {
      const body = { model: "pictures", prompt: "a hat", images: [{ image_url: `data:image/png;base64,${png.toString("base64")}` }] };
      const answer = await post(`${all.gateway.url}/v1/images/edits`, key, body);
      assert.equal(answer.status, 200);
      assert.equal((await all.mock.requests()).at(-1).body, JSON.stringify(body));
    });

    it("are refused without a picture, with a number that is none, and as what is no form", async () => {
      for (const [parts, message] of [
        [[["model", "pictures"], ["prompt", "x"]], /^image is required/],
        [[["model", "pictures"], ["n", "1e2"], ["image", png, "a.png"]], /^n must be an integer/],
        [[["model", "pictures"], ["n", "1000"], ["image", png, "a.png"]], /^n is invalid/],
      ]) {
        const answer = await send("/v1/images/edits", form(parts));
        assert.equal(answer.status, 400);
        assert.equal(error(answer).code, "invalid_request");
        assert.match(error(answer).message, message);
      }
      const answer = await send("/v1/images/edits", { type: "multipart/form-data; boundary=x", body: "no form" });
      assert.equal(answer.status, 400);
      assert.match(error(answer).message, /^failed to parse image edit form request: /);
    });
  });

  describe("large uploads", () => {
    it("P2 a recording of 60 MB costs little memory and arrives whole", async () => {
      const recording = wav((60 * MiB) / 8000);
      const { type, body } = form([["model", "whisper-1"], ["file", recording, "long.wav"]]);
      const start = residentBytes(all.gateway.pid);
      let most = start;
      const watch = setInterval(() => (most = Math.max(most, residentBytes(all.gateway.pid))), 5);
      const answer = await send("/v1/audio/transcriptions", { type, body });
      clearInterval(watch);
      assert.equal(answer.status, 200, answer.body.toString());
      assert.equal((await lastForm()).at(-1).sha256, sha256(recording));
      assert.ok(most - start < 40 * MiB, `${Math.round((most - start) / MiB)} MiB more`);
      assert.equal((await rowOf(answer)).prompt_tokens, Math.round((Math.ceil((60 * MiB) / 8000) / 60) * 1000));
    });

    it("S2 are sent again to another channel, whole, and charged once", async () => {
      const recording = wav((15 * MiB) / 8000);
      const model = await pair("again", "status=500");
      await all.mock.clear();
      const answer = await transcribe([["model", model], ["file", recording, "long.wav"]]);
      assert.equal(answer.status, 200);
      const seen = (await all.mock.requests()).map((request) => request.form.at(-1).sha256);
      assert.deepEqual(seen, [sha256(recording), sha256(recording)]);
      const row = await rowOf(answer);
      assert.equal(row.other.admin_info.use_channel.length, 2);
      assert.equal(row.prompt_tokens, 100);
    });

    it("S2 a stream that fails before it says anything is answered by another channel", async () => {
      const model = await pair("stream again", "error_after=0");
      const answer = await transcribe([["model", model], ["stream", "true"], ["file", wav(1), "a.wav"]]);
      assert.equal(JSON.parse(payloads(answer.body).at(-1)).type, "transcript.text.done");
      assert.equal((await rowOf(answer)).other.admin_info.use_channel.length, 2);
    });

    it("that the client breaks off reach no upstream and cost nothing", async () => {
      const { type, body } = form([["model", "whisper-1"], ["file", wav((30 * MiB) / 8000), "long.wav"]]);
      const before = await consumed();
      await all.mock.clear();
      const socket = net.connect({ host: "127.0.0.1", port: all.gateway.port });
      socket.on("error", () => {});
      socket.write(
        `POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nAuthorization: Bearer ${key}\r\n` +
          `Content-Length: ${body.length}\r\n\r\n`,
      );
      await new Promise((done) => socket.write(body.subarray(0, 20 * MiB), done));
      socket.destroy();
      await eventually(async () => (await all.gateway.health()).relayed === 0, "the end of the request");
      assert.equal((await all.mock.requests()).length, 0);
      assert.equal(await consumed(), before);
    });
  });

  describe("a client that leaves", () => {
    /** Sends a form and hangs up when told to. */
    function leaving(parts) {
      const { type, body } = form(parts);
      const request = http.request(`${all.gateway.url}/v1/audio/transcriptions`, {
        method: "POST",
        agent: false,
        headers: { "Content-Type": type, "Content-Length": body.length, Authorization: `Bearer ${key}` },
      });
      request.on("error", () => {});
      request.end(body);
      return request;
    }
    const over = () => eventually(async () => (await all.gateway.health()).relayed === 0, "the end of the request");

    it("B1 while its form is on the way to the upstream pays nothing", async () => {
      // One that takes the connection and reads nothing of it.
      const sockets = [];
      const upstream = net.createServer({ pauseOnConnect: true }, (socket) => sockets.push(socket.on("error", () => {})));
      await new Promise((done) => upstream.listen(0, "127.0.0.1", done));
      try {
        await all.admin.channel({ base_url: `http://127.0.0.1:${upstream.address().port}`, models: "deaf" });
        const request = leaving([["model", "deaf"], ["file", wav((40 * MiB) / 8000), "a.wav"]]);
        await eventually(() => sockets.length > 0, "the call");
        request.destroy();
        const row = await eventually(async () => (await all.admin.consumeRows()).find((one) => one.model_name === "deaf"), "the row");
        assert.deepEqual([row.quota, JSON.parse(row.other).settled_by], [0, "nothing"]);
        await over();
      } finally {
        for (const socket of sockets) socket.destroy();
        upstream.close();
      }
    });

    it("B1 while the upstream is at work pays the recording", async () => {
      await all.admin.channel({ base_url: all.mock.base("stall_head"), models: "slow" });
      await all.mock.clear();
      const request = leaving([["model", "slow"], ["file", wav(120), "a.wav"]]);
      await eventually(async () => (await all.mock.requests()).length > 0, "the call");
      request.destroy();
      const row = await eventually(async () => (await all.admin.consumeRows()).find((one) => one.model_name === "slow"), "the row");
      assert.deepEqual([row.prompt_tokens, row.completion_tokens], [2000, 0]);
      const other = JSON.parse(row.other);
      assert.deepEqual([other.end, other.settled_by], ["client_gone", "prompt"]);
      await over();
    });
  });

  describe("by the official SDK", () => {
    it("audio.transcriptions.create with a file of the disk", async () => {
      const path = join(dir, "speech.wav");
      writeFileSync(path, wav(30));
      const { data, response } = await client.audio.transcriptions
        .create({ model: "whisper-1", file: createReadStream(path), timestamp_granularities: ["word", "segment"] })
        .withResponse();
      assert.equal(typeof data.text, "string");
      const row = await rowOf({ headers: Object.fromEntries(response.headers) });
      assert.deepEqual([row.prompt_tokens, row.quota], [500, 7500]);
    });

    it("audio.transcriptions.create with stream: true", async () => {
      const stream = await client.audio.transcriptions.create({
        model: "gpt-4o-mini",
        file: await toFile(wav(1), "a.wav"),
        stream: true,
      });
      const events = [];
      for await (const event of stream) events.push(event);
      assert.equal(events.at(-1).type, "transcript.text.done");
      assert.equal(events.at(-1).usage.total_tokens, 120);
    });

    it("audio.transcriptions.create with response_format: text", async () => {
      const text = await client.audio.transcriptions.create({
        model: "whisper-1",
        file: await toFile(wav(1), "a.wav"),
        response_format: "text",
      });
      assert.match(text, /^The quick brown fox/);
    });

    it("audio.translations.create", async () => {
      const { data, response } = await client.audio.translations
        .create({ model: "whisper-1", file: await toFile(wav(6), "a.wav") })
        .withResponse();
      assert.equal(typeof data.text, "string");
      const row = await rowOf({ headers: Object.fromEntries(response.headers) });
      assert.deepEqual([row.prompt_tokens, row.quota], [100, 1500]);
    });

    it("images.edit with several pictures and a mask, plain and as a stream", async () => {
      const picture = (name) => toFile(png, name, { type: "image/png" });
      const order = async () => ({
        model: "pictures",
        image: [await picture("a.png"), await picture("b.png")],
        mask: await picture("m.png"),
        prompt: "a hat",
      });
      const plain = await client.images.edit(await order());
      assert.equal(plain.data.length, 1);
      const sent = (await lastForm()).filter(({ file }) => file).map(({ name, sha256 }) => [name, sha256]);
      assert.deepEqual(sent, [["image[]", sha256(png)], ["image[]", sha256(png)], ["mask", sha256(png)]]);
      const events = [];
      for await (const event of await client.images.edit({ ...(await order()), stream: true, partial_images: 2 })) events.push(event.type);
      assert.equal(events.at(-1), "image_edit.completed");
      assert.equal(events[0], "image_edit.partial_image");
    });
  });
});
