// Answers that are not streams, before a proxy that gives up on silence: a blank begins them, and the JSON follows.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { after, before, describe, it } from "node:test";
import { startAll } from "../lib/gateway.mjs";
import { quota, ratios } from "../lib/price.mjs";

const model = "gpt-4o-mini";

describe("keep-alives before JSON", { timeout: 120_000 }, () => {
  let all;
  const key = {};
  before(async () => {
    all = await startAll({ models: model, env: { TOLLGATE_SSE_COMMIT: "400ms", TOLLGATE_SSE_KEEPALIVE: "200ms" } });
    key.value = (await all.admin.token()).key;
  });
  after(() => all?.stop());

  /** By HTTP/1.0 as an untuned nginx sends it, or 1.1. */
  const ask = (gateway, directive, version = "1.0", path = "/v1/chat/completions", body) =>
    new Promise((done, fail) => {
      const text = JSON.stringify(body ?? { model, messages: [{ role: "user", content: `[[mock ${directive}]]` }] });
      const socket = net.connect({ host: "127.0.0.1", port: gateway.port });
      let got = "";
      socket.on("data", (part) => (got += part));
      socket.on("close", () => {
        const [head, ...rest] = got.split("\r\n\r\n");
        done({ head, body: rest.join("\r\n\r\n"), status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), id: /^x-oneapi-request-id: (\S+)/im.exec(head)?.[1] });
      });
      socket.on("error", fail);
      socket.write(
        `POST ${path} HTTP/${version}\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n` +
          `Authorization: Bearer ${key.value}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
      );
    });

  it("REQ-CL-26 HTTP/1.0 from a trusted proxy gets blanks, then the answer, charged once", async () => {
    const { head, body, status, id } = await ask(all.gateway, "slow_head_ms=1500 usage=90:60");
    assert.equal(status, 200);
    assert.match(head, /^Content-Type: application\/json\r?$/m);
    assert.match(body, /^ {3,8}\{/);
    assert.equal(JSON.parse(body).usage.prompt_tokens, 90);
    const row = await all.admin.row(id);
    assert.equal(row.quota, quota({ prompt: 90, completion: 60 }, ratios[model]));
    assert.equal(row.rows, 1);
  });

  it("REQ-CL-26 silence inside the upstream's body counts like silence before its head", async () => {
    const answer = JSON.stringify({
      choices: [{ index: 0, message: { role: "assistant", content: "late" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30 },
    });
    const upstream = http.createServer((_, response) => {
      response.writeHead(200, { "Content-Type": "application/json" });
      response.flushHeaders();
      setTimeout(() => response.end(answer), 1200);
    });
    await new Promise((done) => upstream.listen(0, "127.0.0.1", done));
    await all.admin.channel({ name: "late", base_url: `http://127.0.0.1:${upstream.address().port}`, models: "late" });
    const { body } = await ask(all.gateway, "", "1.0", "/v1/chat/completions", { model: "late", messages: [{ role: "user", content: "hello" }] });
    upstream.closeAllConnections();
    upstream.close();
    assert.match(body, /^ {2,}\{/);
    assert.equal(JSON.parse(body).usage.completion_tokens, 20);
  });

  it("REQ-CL-26 an error behind a blank is the usual JSON with status 200, and another channel is tried before", async () => {
    const refused = await ask(all.gateway, "slow_head_ms=1000 status=400");
    assert.equal(refused.status, 200);
    assert.match(refused.body, /^ +\{"error":/);
    await all.admin.option("RetryTimes", "1");
    const scenario = `slow_head_ms=700,status=500,fail_first=1`;
    await all.admin.channel({ name: "twice", base_url: all.mock.base(scenario), models: "gpt-4o" });
    const again = await ask(all.gateway, "", "1.0", "/v1/chat/completions", { model: "gpt-4o", messages: [{ role: "user", content: "hello" }] });
    assert.equal(again.status, 200);
    assert.match(again.body, /^ +\{/);
    assert.ok(JSON.parse(again.body).choices, again.body);
  });

  it("REQ-CL-26 HTTP/1.1 keeps exact status codes", async () => {
    const { status, body } = await ask(all.gateway, "slow_head_ms=1000 status=400", "1.1");
    assert.equal(status, 400);
    assert.match(body, /^\{"error":/);
  });

  it("REQ-CL-26 speech is no JSON and gets no blanks", async () => {
    await all.admin.channel({ name: "speech", base_url: all.mock.base("slow_head_ms=1000"), models: "tts-1" });
    const { status, body } = await ask(all.gateway, "", "1.0", "/v1/audio/speech", { model: "tts-1", input: "hello", voice: "alloy" });
    assert.equal(status, 200);
    assert.notEqual(body[0], " ");
  });

  for (const [value, version, expected] of [
    ["300ms", "1.1", true],
    ["off", "1.0", false],
  ])
    it(`REQ-CL-26 TOLLGATE_JSON_KEEPALIVE=${value}`, async () => {
      const other = await startAll({ models: model, env: { TOLLGATE_JSON_KEEPALIVE: value, TOLLGATE_SSE_COMMIT: "400ms" } });
      const mine = key.value;
      key.value = (await other.admin.token()).key;
      const { status, body } = await ask(other.gateway, "slow_head_ms=900 status=400", version);
      key.value = mine;
      await other.stop();
      assert.equal(status, expected ? 200 : 400);
      assert.equal(body.startsWith("1\r\n \r\n"), expected); // a chunk of one blank
    });
});
