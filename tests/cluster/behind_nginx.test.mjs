// Behind nginx exactly as the deployment guide has it: HTTP/1.0, buffering, a minute of patience. One gateway listens at
// the three addresses of the block; what is tested is between it and nginx.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Account, startGateway, startMock } from "../e2e/lib/gateway.mjs";
import { guideConfig, network, startFront } from "./lib/cluster.mjs";

const model = "gpt-4o-mini";

function post(url, key, body) {
  const began = Date.now();
  return new Promise((done, fail) => {
    const request = http.request(`${url}/v1/chat/completions`, {
      method: "POST",
      agent: false,
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
    });
    request.on("error", fail);
    request.on("response", (response) => {
      const parts = [];
      response.on("data", (part) => parts.push({ at: Date.now() - began, text: part.toString() }));
      response.on("close", () =>
        done({ status: response.statusCode, headers: response.headers, parts, whole: response.complete, text: parts.map(({ text }) => text).join("") }),
      );
    });
    request.end(JSON.stringify(body));
  });
}
const chat = (directive, stream) => ({ model, stream, messages: [{ role: "user", content: `[[mock ${directive}]]` }] });

describe("behind the guide's nginx", { timeout: 200_000 }, () => {
  let mock, gateway, front, tuned, key;
  before(async () => {
    const address = network();
    const hosts = [1, 2, 3].map((i) => address(i));
    mock = await startMock();
    gateway = await startGateway({
      host: hosts[0],
      port: 3000,
      workers: 2,
      env: { TOLLGATE_LISTEN: hosts.map((host) => `${host}:3000`).join(",") },
    });
    const nodes = hosts.map((host) => ({ host }));
    front = await startFront(await guideConfig(nodes));
    // What nginx from 1.29.7 on does with the same file.
    const newer = await guideConfig(nodes);
    tuned = await startFront(
      newer
        .replace("# Can add more slave nodes", "keepalive 32;")
        .replace("proxy_set_header Host", 'proxy_http_version 1.1; proxy_set_header Connection "";\n            proxy_set_header Host'),
    );
    const admin = await Account.setup(gateway.url);
    await admin.channel({ base_url: mock.url, models: model });
    ({ key } = await admin.token());
  });
  after(async () => {
    await front?.stop();
    await tuned?.stop();
    await gateway?.stop();
    await mock?.stop();
  });

  it("REQ-CL-26.1 HTTP/1.0 is answered without chunks, streams end by closing", async () => {
    const raw = (path, body) =>
      new Promise((done, fail) => {
        const { hostname, port } = new URL(gateway.url);
        const socket = net.connect({ host: hostname, port: Number(port) });
        let text = "";
        socket.on("data", (part) => (text += part));
        socket.on("close", () => done(text));
        socket.on("error", fail);
        const head = body ? `POST ${path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n` : `GET ${path} HTTP/1.0\r\n`;
        socket.write(`${head}Host: a\r\nConnection: close\r\nAuthorization: Bearer ${key}\r\n\r\n${body ?? ""}`);
      });
    const status = await raw("/api/status");
    assert.match(status, /^HTTP\/1\.1 200 /);
    assert.match(status, /^Connection: close\r$/m);
    const stream = await raw("/v1/chat/completions", JSON.stringify(chat("chunks=3", true)));
    assert.doesNotMatch(stream, /transfer-encoding/i);
    assert.match(stream, /^X-Accel-Buffering: no\r$/m);
    assert.match(stream, /^Cache-Control: no-cache\r$/m);
    assert.match(stream, /\r\n\r\ndata: .*data: \[DONE\]\n\n$/s);
  });

  it("REQ-CL-26.2 events arrive through nginx when they are sent", async () => {
    for (const proxy of [front, tuned]) {
      const { parts, whole } = await post(proxy.url, key, chat("chunks=6 delay_ms=200", true));
      assert.ok(whole);
      assert.ok(parts.length >= 6, `${parts.length} pieces`);
      assert.ok(parts.at(-1).at - parts[0].at >= 800, JSON.stringify(parts.map(({ at }) => at)));
    }
  });

  it("REQ-CL-26.3 a stream whose upstream is silent for 90 s, and six plain calls of 75 s, survive a minute of patience; nobody else sees a 502", async () => {
    const slow = [post(front.url, key, chat("first_ms=90000 chunks=2", true))];
    for (let i = 0; i < 6; ++i) slow.push(post(front.url, key, chat("slow_head_ms=75000 usage=10:20", false)));
    slow.push(post(front.url, key, chat("slow_head_ms=70000 status=400", false)));
    let over = false;
    const all = Promise.all(slow).finally(() => (over = true));
    const others = {};
    while (!over) {
      const { status } = await post(front.url, key, chat("usage=10:20", false));
      others[status] = (others[status] ?? 0) + 1;
      await sleep(200);
    }
    const [stream, ...plain] = await all;
    assert.deepEqual(Object.keys(others), ["200"], JSON.stringify(others));
    assert.equal(stream.status, 200);
    assert.match(stream.text, /: PING/);
    assert.match(stream.text, /data: \[DONE\]/);
    const refused = plain.pop();
    for (const each of plain) {
      assert.equal(each.status, 200);
      assert.match(each.text, /^ +\{/);
      assert.equal(JSON.parse(each.text).usage.completion_tokens, 20);
    }
    assert.equal(refused.status, 200);
    assert.equal(JSON.parse(refused.text).error.type !== undefined, true);
    assert.match(refused.text, /^ +\{"error"/);
  });

  it("REQ-CL-26.3b a tuned proxy keeps exact status codes: no blank goes before the JSON", async () => {
    const { status, text } = await post(tuned.url, key, chat("slow_head_ms=52000 status=400", false));
    assert.equal(status, 400);
    assert.match(text, /^\{"error"/);
  });

  it("chaos 50 nginx reloads under load: no request fails", async () => {
    const wrong = {};
    let running = true;
    const clients = Array.from({ length: 8 }, async () => {
      while (running) {
        const { status, whole } = await post(front.url, key, chat("chunks=2 delay_ms=5 usage=10:20", true));
        if (status !== 200 || !whole) wrong[status] = (wrong[status] ?? 0) + 1;
      }
    });
    for (let i = 0; i < 5; ++i) {
      await sleep(300);
      front.reload();
    }
    await sleep(300);
    running = false;
    await Promise.all(clients);
    assert.deepEqual(wrong, {});
  });
});
