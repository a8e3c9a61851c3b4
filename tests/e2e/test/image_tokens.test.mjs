// What the files of a prompt count in the estimate, and which of them are called for.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, beforeEach, describe, it } from "node:test";
import { eventually, startAll } from "../lib/gateway.mjs";

function png(width, height) {
  const head = Buffer.alloc(33);
  Buffer.from("\x89PNG\r\n\x1a\n", "latin1").copy(head);
  head.writeUInt32BE(13, 8);
  head.write("IHDR", 12);
  head.writeUInt32BE(width, 16);
  head.writeUInt32BE(height, 20);
  return head;
}
const inline = (bytes, type = "image/png") => `data:${type};base64,${bytes.toString("base64")}`;
const image = (url, detail) => ({ type: "image_url", image_url: { url, detail } });

describe("image tokens", { timeout: 120_000 }, () => {
  let all, token, server, base;
  let asked = [];

  before(async () => {
    server = createServer((request, response) => {
      asked.push({ path: request.url, headers: request.headers });
      const [, what, rest] = request.url.split("/");
      if (what === "png") {
        const [width, height] = rest.split("x").map(Number);
        response.writeHead(200, { "Content-Type": "application/octet-stream" });
        return response.end(png(width, height));
      }
      if (what === "pdf") return response.end(`%PDF-1.7${" ".repeat(100)}`);
      if (what === "video") return response.end(Buffer.concat([Buffer.from("\0\0\0 ftypisom"), Buffer.alloc(100)]));
      if (what === "moved") {
        response.writeHead(302, { Location: Number(rest) > 0 ? `/moved/${Number(rest) - 1}` : "/png/1024x1024" });
        return response.end();
      }
      if (what === "away") {
        response.writeHead(302, { Location: "http://169.254.169.254/latest/meta-data/" });
        return response.end();
      }
      if (what === "large") {
        response.writeHead(200, { "Content-Length": String(100 * 1024 * 1024) });
        return response.write(png(10, 10));
      }
      if (what === "endless") {
        // A JPEG of comments without a frame.
        response.write(Buffer.from([0xff, 0xd8]));
        const comment = Buffer.alloc(65_537, 0x20);
        comment.writeUInt16BE(0xfffe, 0);
        comment.writeUInt16BE(65_535, 2);
        const more = () => {
          while (!response.destroyed && response.write(comment));
        };
        response.on("drain", more);
        return more();
      }
      response.writeHead(404);
      response.end();
    });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    base = `http://127.0.0.1:${server.address().port}`;
    const models = "gpt-4o,gpt-4.1-mini,claude-3-opus";
    all = await startAll({ scenario: "usage=none", models, env: { MAX_FILE_DOWNLOAD_MB: "32" } });
    token = await all.admin.token();
    // The files of this test lie on this machine.
    await all.admin.option("fetch_setting.enable_ssrf_protection", "false");
  });
  after(async () => {
    server?.closeAllConnections();
    server?.close();
    await all?.stop();
  });
  beforeEach(() => {
    asked = [];
  });

  async function ask(model, parts, stream = true) {
    const response = await fetch(`${all.gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token.key}`, "Content-Type": "application/json" },
      body: JSON.stringify({ model, stream, messages: [{ role: "user", content: [{ type: "text", text: "hi" }, ...parts] }] }),
    });
    const text = await response.text();
    return { status: response.status, id: response.headers.get("x-oneapi-request-id"), text };
  }
  const prompt = async (...args) => {
    const { status, id, text } = await ask(...args);
    assert.equal(status, 200, text);
    return (await all.admin.row(id)).prompt_tokens;
  };
  /** What the parts add to the estimate. */
  const tokens = async (model, parts, stream) => (await prompt(model, parts, stream)) - (await prompt(model, [], stream));
  async function refused(parts, message, stream) {
    const { status, text } = await ask("gpt-4o", parts, stream);
    assert.equal(status, 400, text);
    const { error } = JSON.parse(text);
    assert.equal(error.code, "count_token_failed");
    assert.match(error.message, message);
  }

  it("counts inline images of streams by their size, model and detail", async () => {
    assert.equal(await tokens("gpt-4o", [image(inline(png(1024, 1024)))]), 765);
    assert.equal(await tokens("gpt-4o", [image(inline(png(2048, 4096)))]), 1105);
    assert.equal(await tokens("gpt-4o", [image(inline(png(1024, 1024)), "low")]), 85);
    assert.equal(await tokens("gpt-4.1-mini", [image(inline(png(1800, 2400)))]), 2352);
    assert.equal(await tokens("claude-3-opus", [image(inline(png(1024, 1024)))]), 520);
    assert.equal(asked.length, 0);
  });

  it("counts them flat without a stream, and calls for nothing", async () => {
    const parts = [image(inline(png(1024, 1024))), image(`${base}/png/1024x1024`)];
    assert.equal(await tokens("gpt-4o", parts, false), 2 * 255);
    assert.equal(asked.length, 0);
  });

  it("counts audio, files and videos flat", async () => {
    const audio = { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } };
    const file = { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AAAA" } };
    const video = { type: "video_url", video_url: `${base}/video/1` };
    assert.equal(await tokens("gpt-4o", [audio], false), 256);
    assert.equal(await tokens("gpt-4o", [file], false), 4096);
    assert.equal(await tokens("gpt-4o", [video], false), 8192);
    assert.equal(asked.length, 0);
    assert.equal(await tokens("gpt-4o", [video]), 8192);
    assert.equal(asked.length, 1);
  });

  it("fetches linked files of streams and counts what they are, telling nothing of the client", async () => {
    assert.equal(await tokens("gpt-4o", [image(`${base}/png/1024x1024`)]), 765);
    assert.equal(await tokens("gpt-4o", [image(`${base}/pdf/1`)]), 4096);
    assert.deepEqual(Object.keys(asked[0].headers).sort(), ["accept", "connection", "host", "user-agent"]);
    assert.equal(await tokens("gpt-4o", [image(`${base}/moved/2`)]), 765);
  });

  it("refuses what cannot be read or fetched, before an upstream is called", async () => {
    await all.mock.clear();
    await refused([image(inline(Buffer.from("no image at all")))], /^error counting image token, media index\[0\], identifier\[data:image\/png;base64,bm8gaW1hZ2UgYXQgYWxs\], err: /);
    await refused([image(`${base}/missing`)], /^error getting file type: status code 404/);
    await refused([image(`${base}/moved/3`)], /^error getting file type: too many redirects/);
    await refused([image(`${base}/large/1`)], /^error getting file type: the file is larger than 32 MB/);
    await refused([image(`${base}/endless/1`)], /^error counting image token, media index\[0\], identifier\[http:\/\/127.0.0.1:\d+\/endless\/1\], err: /);
    await refused(Array.from({ length: 9 }, () => image(`${base}/pdf/1`)), /^error getting file type: more than 8 files/);
    assert.equal((await all.mock.requests()).length, 0);
  });

  it("never calls where clouds keep credentials, not by a redirect either", async () => {
    await refused([image("http://169.254.169.254/latest/meta-data/")], /^error getting file type: request reject: address not allowed/);
    await refused([image(`${base}/away/1`)], /^error getting file type: request reject: address not allowed/);
  });

  it("calls no address that is not public unless the options say so", async () => {
    await all.admin.option("fetch_setting.enable_ssrf_protection", "true");
    await eventually(async () => (await ask("gpt-4o", [image(`${base}/png/1x1`)])).status === 400, "protection");
    asked = [];
    for (const url of [base, "http://localhost:8080", "http://10.0.0.1", "http://[::1]:8080", "http://0x7f.1", "http://a.internal"])
      await refused([image(`${url}/png/1x1`)], /^error getting file type: request reject: address not allowed/);
    assert.equal(asked.length, 0);
    // Nothing is fetched without a stream, so nothing is refused.
    assert.equal((await ask("gpt-4o", [image(`${base}/png/1x1`)], false)).status, 200);
  });
});
