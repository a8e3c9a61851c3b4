// Clients that are slow, vanish, send too much or pack a bomb: each gets its answer, nobody else notices, nothing stays.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import net from "node:net";
import { after, before, describe, it } from "node:test";
import zlib from "node:zlib";
import { eventually, startAll } from "../lib/gateway.mjs";
import { dull, zstd, zstdZeros } from "../lib/packed.mjs";
import { residentBytes } from "../lib/process.mjs";
import { talk } from "../lib/raw_http.mjs";

const MiB = 1024 * 1024;
const limit = 32; // MAX_REQUEST_BODY_MB
const adminToken = "a token of the tests";
// Sanitizers keep freed memory back, so that what is resident says nothing there.
const measures = !/asan|tsan/.test(process.env.TOLLGATE_BUILD ?? "");

/** How much more was resident at the most than `resident`. */
const peakGrowth = (pid, resident) =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))[1]) * 1024 - resident;

describe("bad HTTP", { timeout: 120_000 }, () => {
  let all, key, port, slow;

  /** The head of a chat request; what follows it is the caller's. */
  const head = (fields) =>
    `POST /v1/chat/completions HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer ${key}\r\n` +
    `Content-Type: application/json\r\n${fields}\r\n`;
  const packed = (coding, body) =>
    Buffer.concat([Buffer.from(head(`Content-Encoding: ${coding}\r\nContent-Length: ${body.length}\r\n`)), body]);
  const chat = (text = "hi") =>
    Buffer.from(JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: text }] }));
  const one = async (bytes, ms) => {
    const { answers } = await talk(port, bytes, { last: () => true, ms });
    assert.equal(answers.length, 1, "one answer");
    return answers[0];
  };
  const answersAsEver = async () => {
    const { status } = await one(Buffer.concat([Buffer.from(head(`Content-Length: ${chat().length}\r\n`)), chat()]));
    assert.equal(status, 200);
  };
  const opened = [];
  /** Opens a connection, sends, and leaves it as it is. */
  const open = (bytes) =>
    new Promise((done, fail) => {
      const socket = net.connect(port, "127.0.0.1", () => socket.write(bytes, () => done(socket)));
      socket.once("error", fail);
      opened.push(socket);
    });
  const many = (count, bytes) => Promise.all(Array.from({ length: count }, () => open(bytes)));
  const health = async () => {
    const get = `GET /-/health HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer ${adminToken}\r\nConnection: close\r\n\r\n`;
    return JSON.parse((await one(Buffer.from(get))).body);
  };
  before(async () => {
    all = await startAll({
      models: "gpt-4o-mini",
      env: { MAX_REQUEST_BODY_MB: String(limit), TOLLGATE_ADMIN_TOKEN: adminToken },
    });
    ({ key } = await all.admin.token());
    port = all.gateway.port;
    // Their limit is ten seconds: they wait beside the other tests, and the last test but one looks at them.
    const heads = Array.from({ length: 200 }, () => talk(port, "GET /livez HTTP/1.1\r\nHost: no", { ms: 60_000 }));
    const drip = await open("GET /livez HTTP/1.1\r\nX: ");
    const dripping = setInterval(() => drip.write("y"), 200);
    drip.on("error", () => {}).on("close", () => clearInterval(dripping));
    slow = { heads, drip, dripped: new Promise((done) => drip.once("data", done)) };
  });
  after(async () => {
    opened.forEach((socket) => socket.destroy());
    await all?.stop();
  });

  describe("packed bodies", () => {
    for (const [coding, pack] of [
      ["gzip", zlib.gzipSync],
      ["deflate", zlib.deflateSync],
      ["br", zlib.brotliCompressSync],
      ["zstd", zstd],
      ["GZIP", zlib.gzipSync],
    ])
      it(`${coding} reaches the upstream unpacked`, async () => {
        await all.mock.clear();
        const { status } = await one(packed(coding, pack(chat(coding.repeat(50_000)))));
        assert.equal(status, 200);
        const [request] = await all.mock.requests();
        assert.ok(request.body.includes(coding.repeat(50_000)));
        assert.ok(!request.headers.some(([field]) => field.toLowerCase() === "content-encoding"));
        assert.ok(request.headers.some(([field]) => field.toLowerCase() === "content-type"));
      });

    it("gzip in chunks, a few bytes each", async () => {
      const body = zlib.gzipSync(dull(20_000));
      const text = Buffer.concat([Buffer.from('{"model":"x","messages":['), Buffer.alloc(30_000, " ")]);
      for (const [plain, status] of [
        [chat(), 200],
        [text, 400],
        [body, 400],
      ]) {
        const bytes = zlib.gzipSync(plain);
        const parts = [Buffer.from(head("Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"))];
        for (let at = 0; at < bytes.length; at += 20) {
          const piece = bytes.subarray(at, at + 20);
          parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n"));
        }
        assert.equal((await one(Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]))).status, status);
      }
    });

    for (const [what, status, coding, body] of [
      ["an unknown coding", 415, "xz", chat()],
      ["two codings", 415, "gzip, br", zlib.gzipSync(chat())],
      ["cut", 400, "gzip", zlib.gzipSync(chat()).subarray(0, -1)],
      ["bytes behind the end", 400, "gzip", Buffer.concat([zlib.gzipSync(chat()), Buffer.from("x")])],
      ["two streams", 400, "br", Buffer.concat([zlib.brotliCompressSync(chat()), zlib.brotliCompressSync(chat())])],
      ["not packed at all", 400, "zstd", chat()],
      ["nothing", 400, "gzip", Buffer.alloc(0)],
      ["a window of 16 MiB", 400, "br", zlib.brotliCompressSync(dull(20 * MiB), { params: { [zlib.constants.BROTLI_PARAM_LGWIN]: 24, [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } })],
    ])
      it(`${what}: ${status}`, async () => {
        const answer = await one(packed(coding, body));
        assert.equal(answer.status, status);
        const { error } = JSON.parse(answer.body);
        assert.match(error.message, /request id: /);
      });
  });

  it("bombs end early, whatever they are packed with", async () => {
    const zeros = Buffer.alloc(200 * MiB);
    const gzip = zlib.gzipSync(zeros, { level: 1 });
    const bombs = [
      ["gzip", gzip],
      ["gzip", zlib.gzipSync(gzip)],
      ["gzip", Buffer.concat([zlib.gzipSync(Buffer.alloc(MiB)), gzip])],
      ["deflate", zlib.deflateSync(zeros, { level: 1 })],
      ["br", zlib.brotliCompressSync(zeros, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } })],
      ["zstd", zstdZeros(4096 * MiB)],
      ["gzip", zlib.gzipSync(dull(64 * MiB), { level: 1 })],
    ];
    const resident = residentBytes(all.gateway.pid);
    const answers = await Promise.all([...bombs, ...bombs].map(([coding, body]) => one(packed(coding, body), 30_000)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [400, 400, 400, 400, 400, 400, 413, 400, 400, 400, 400, 400, 400, 413],
    );
    if (measures) assert.ok(peakGrowth(all.gateway.pid, resident) < 200 * MiB);
    await answersAsEver();
  });

  it("a body too large is refused before it is read, or as soon as it is", async () => {
    const announced = await one(Buffer.from(head(`Content-Length: ${limit * MiB + 1}\r\n`)));
    assert.equal(announced.status, 413);
    assert.match(JSON.parse(announced.body).error.message, /request body too large/);
    const expecting = await one(Buffer.from(head(`Expect: 100-continue\r\nContent-Length: ${limit * MiB + 1}\r\n`)));
    assert.equal(expecting.status, 413);
    const chunk = Buffer.concat([Buffer.from("100000\r\n"), Buffer.alloc(MiB, "x"), Buffer.from("\r\n")]);
    const parts = [Buffer.from(head("Transfer-Encoding: chunked\r\n")), ...Array(limit + 1).fill(chunk)];
    assert.equal((await one(Buffer.concat(parts), 20_000)).status, 413);
    const api = "POST /api/user/login HTTP/1.1\r\nHost: node\r\nContent-Length: 16385\r\n\r\n";
    assert.equal((await one(Buffer.from(api))).status, 413);
  });

  it("100-continue is said to those who may send, and only to them", async () => {
    const said = (bytes) =>
      new Promise((done) => {
        const socket = net.connect(port, "127.0.0.1", () => socket.write(bytes));
        socket.once("data", (text) => {
          socket.destroy();
          done(text.toString("latin1").split("\r\n")[0]);
        });
      });
    const fields = "Expect: 100-continue\r\nContent-Length: 5\r\n";
    assert.equal(await said(head(fields)), "HTTP/1.1 100 Continue");
    assert.match(await said(head(fields).replace(key, "sk-of-nobody")), /^HTTP\/1\.1 401 /);
  });

  it("heads that are bombs are refused", async () => {
    const fields = (count, text) => Buffer.from(`GET /livez HTTP/1.1\r\nHost: node\r\n${text.repeat(count)}\r\n`);
    assert.equal((await one(fields(10_000, "X: y\r\n"))).status, 431);
    assert.equal((await one(fields(1, `X: ${"y".repeat(MiB)}\r\n`))).status, 431);
    assert.equal((await one(Buffer.from(`GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: node\r\n\r\n`))).status, 414);
    await answersAsEver();
  });

  it("a thousand requests in one write are answered in their order", async () => {
    const requests = Array.from({ length: 1000 }, (_, i) => `POST /number-${i}- HTTP/1.1\r\nHost: node\r\n\r\n`);
    const { answers } = await talk(port, requests.join(""), { last: ({ body }) => body.includes("/number-999-"), ms: 20_000 });
    assert.equal(answers.length, 1000);
    answers.forEach(({ body }, i) => assert.ok(body.includes(`/number-${i}-`)));
  });

  it("clients that vanish leave nothing behind", async () => {
    const body = chat("x".repeat(100_000));
    const half = body.subarray(0, 1000);
    const sockets = (
      await Promise.all([
        many(50, "POST /v1/chat/comp"),
        many(50, head("Content-Length: 5")),
        many(50, Buffer.concat([Buffer.from(head(`Content-Length: ${body.length}\r\n`)), half])),
        many(50, Buffer.concat([Buffer.from(head("Transfer-Encoding: chunked\r\n")), Buffer.from("100000\r\n"), half])),
        many(50, packed("gzip", zlib.gzipSync(body)).subarray(0, -10)),
        many(20, "GET /v1/models HTTP/1.1\r\nHost: node\r\n\r\n".repeat(1000)),
      ])
    ).flat();
    await answersAsEver();
    sockets.forEach((socket, i) => {
      socket.on("error", () => {});
      if (i % 2) socket.destroy();
      else socket.resetAndDestroy();
    });
    await answersAsEver();
  });

  it("heads that take too long are told so, also when they drip", async () => {
    const ended = await Promise.all(slow.heads);
    for (const { answers } of ended) {
      assert.deepEqual(
        answers.map(({ status }) => status),
        [408],
      );
    }
    assert.match(String(await slow.dripped), /^HTTP\/1\.1 408 /);
  });

  it("after all of it the node answers, and only the one who asks is connected", async () => {
    await answersAsEver();
    await eventually(async () => (await health()).connections === 1, "one connection");
  });
});

describe("P2 memory of a large body", { timeout: 120_000, skip: !measures && "sanitizers keep memory back" }, () => {
  const size = 24 * MiB;
  const body = Buffer.from(
    JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: randomBytes(size / 2).toString("hex") }] }),
  );
  for (const [how, fields, bytes] of [
    ["counted", `Content-Length: ${body.length}`, body],
    ["chunked", "Transfer-Encoding: chunked", inChunks(body)],
    ["gzip", "Content-Encoding: gzip\r\nTransfer-Encoding: chunked", inChunks(zlib.gzipSync(body, { level: 1 }))],
  ])
    it(`${how}: at most 4.5 times its size while it is read, twice while the upstream thinks`, async () => {
      const all = await startAll({ models: "gpt-4o-mini", scenario: "stall_head" });
      try {
        const { key } = await all.admin.token();
        const resident = residentBytes(all.gateway.pid);
        const socket = net.connect(all.gateway.port, "127.0.0.1");
        socket.write(
          `POST /v1/chat/completions HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer ${key}\r\n` +
            `Content-Type: application/json\r\n${fields}\r\n\r\n`,
        );
        socket.write(bytes);
        await eventually(async () => (await all.mock.stats()).requests > 0, "the request has reached the upstream");
        const waiting = residentBytes(all.gateway.pid) - resident;
        const peak = peakGrowth(all.gateway.pid, resident);
        socket.destroy();
        const constant = 16 * MiB;
        assert.ok(waiting <= 2 * size + constant, `waiting: ${waiting / size} times`);
        assert.ok(peak <= 4.5 * size + constant, `peak: ${peak / size} times`);
      } finally {
        await all.stop();
      }
    });
});

function inChunks(bytes) {
  const parts = [];
  for (let at = 0; at < bytes.length; at += 100_000) {
    const piece = bytes.subarray(at, at + 100_000);
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n"));
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}
