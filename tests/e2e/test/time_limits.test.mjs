// Every wait for an upstream has a limit of its own, by variable and by channel, and the one that fired stands in the log.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import net from "node:net";
import { after, before, describe, it } from "node:test";
import { startAll, eventually } from "../lib/gateway.mjs";
import { post } from "../lib/raw.mjs";

/** Takes connections and never says a word, nor reads one. */
async function silentServer() {
  const sockets = [];
  const server = net.createServer({ pauseOnConnect: true }, (socket) => sockets.push(socket.on("error", () => {})));
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    port: server.address().port,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** A listener whose queue is full: the kernel drops what wants to connect. */
async function blackHole() {
  const script = `require("net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, function () {
    console.log(this.address().port);
  })`;
  const child = spawn(process.execPath, ["-e", script]);
  const port = Number(await new Promise((done) => child.stdout.once("data", done)));
  child.kill("SIGSTOP");
  const fillers = Array.from({ length: 4 }, () => net.connect(port, "127.0.0.1").on("error", () => {}));
  await eventually(() => fillers.filter((socket) => socket.readyState === "open").length >= 2, "the queue is full");
  return {
    port,
    close() {
      for (const socket of fillers) socket.destroy();
      child.kill("SIGKILL");
    },
  };
}

for (const [by, env, timeouts] of [
  [
    "variables",
    { TOLLGATE_CONNECT_TIMEOUT: "300ms", TOLLGATE_FIRST_BYTE_TIMEOUT: "300ms", STREAMING_TIMEOUT: "1", RELAY_TIMEOUT: "2" },
    undefined,
  ],
  ["the channel's settings", {}, { connect_s: 0.3, first_byte_s: 0.3, gap_s: 1, total_s: 2 }],
])
  describe(`S4 time limits by ${by}`, { timeout: 120_000 }, () => {
    let all, key, silent, hole;
    let ids = 0;
    before(async () => {
      all = await startAll({ env: { ERROR_LOG_ENABLED: "true", ...env } });
      ({ key } = await all.admin.token());
      silent = await silentServer();
      hole = await blackHole();
    });
    after(async () => {
      silent?.close();
      hole?.close();
      await all?.stop();
    });

    /** A channel and a model of its own for each test. */
    async function channel(base_url, setting = {}) {
      const models = `limited ${++ids}`;
      await all.admin.channel({
        models,
        name: models,
        base_url,
        setting: JSON.stringify({ ...setting, ...(timeouts && { tg: { timeouts } }) }),
      });
      return models;
    }
    const ask = (model, { stream = true, text = "hi" } = {}) =>
      post(`${all.gateway.url}/v1/chat/completions`, key, { model, stream, messages: [{ role: "user", content: text }] });
    /** The error row of the request names the limit, in its text and in its members. */
    async function fired(answer, limit) {
      const id = answer.headers["x-oneapi-request-id"];
      const [row] = await eventually(async () => {
        const page = await all.admin.call("GET", `/api/log/?p=1&page_size=10&type=5&request_id=${id}`);
        return page.items.length > 0 && page.items;
      }, "the error row");
      const other = JSON.parse(row.other);
      assert.equal(other.time_limit, limit, row.content);
      assert.equal(other.admin_info.attempts.at(-1).time_limit, limit);
      return row;
    }
    async function failed(answer, limit) {
      assert.equal(answer.status, 500, String(answer.body));
      assert.equal(JSON.parse(answer.body).error.code, "do_request_failed");
      return fired(answer, limit);
    }

    it("connect: an address that swallows packets", async () => {
      const row = await failed(await ask(await channel(`http://127.0.0.1:${hole.port}`)), "connect");
      assert.match(all.gateway.output(), /time limit: connect/);
    });
    it("connect: a TLS handshake that is not answered", async () => {
      await failed(await ask(await channel(`https://127.0.0.1:${silent.port}`)), "connect");
    });
    for (const scheme of ["http", "socks5"])
      it(`connect: a ${scheme} proxy that is silent`, async () => {
        const model = await channel("http://127.0.0.1:9", { proxy: `${scheme}://127.0.0.1:${silent.port}` });
        await failed(await ask(model), "connect");
      });
    it("gap: an upstream that does not take the request", async () => {
      const model = await channel(`http://127.0.0.1:${silent.port}`);
      const row = await failed(await ask(model, { text: "x".repeat(24 << 20) }), "gap");
      assert.match(all.gateway.output(), /time limit: gap/);
    });
    for (const stream of [true, false])
      it(`first byte: ${stream ? "stream" : "plain"}`, async () => {
        const row = await failed(await ask(await channel(all.mock.base("stall_head")), { stream }), "first_byte");
        assert.match(all.gateway.output(), /time limit: first_byte/);
      });
    it("gap: a stream that falls silent behind its head", async () => {
      await failed(await ask(await channel(all.mock.base("comments=1,stall_after=0"))), "gap");
    });
    it("gap: a stream that falls silent in its middle", async () => {
      const answer = await ask(await channel(all.mock.base("stall_after=2")));
      assert.match(String(answer.body), /upstream_timeout/);
      await fired(answer, "gap");
      const other = JSON.parse((await all.admin.row(answer.headers["x-oneapi-request-id"])).other);
      assert.deepEqual([other.end, other.time_limit], ["idle_timeout", "gap"]);
    });
    it("gap: a plain answer that stops in its middle", async () => {
      const answer = await ask(await channel(all.mock.base("stall_after=20")), { stream: false });
      assert.equal(answer.status, 500);
      await fired(answer, "gap");
    });
    it("gap: comments of the upstream are signs of life", async () => {
      const answer = await ask(await channel(all.mock.base("comments=5,chunks=1,delay_ms=250")));
      assert.match(String(answer.body), /\[DONE\]/);
    });
    it("total: a stream that goes on for too long", async () => {
      const answer = await ask(await channel(all.mock.base("chunks=400,delay_ms=50")));
      assert.match(String(answer.body), /upstream_timeout/);
      await fired(answer, "total");
      const other = JSON.parse((await all.admin.row(answer.headers["x-oneapi-request-id"])).other);
      assert.deepEqual([other.end, other.time_limit, other.settled_by], ["idle_timeout", "total", "counted"]);
    });
    it("a failed attempt by a limit is followed by another, and is named in the row of the one that succeeded", async () => {
      await all.admin.option("RetryTimes", "1");
      const model = await channel(all.mock.base("stall_head"));
      const { items } = await all.admin.call("GET", "/api/channel/?p=1&page_size=100");
      await all.admin.call("PUT", "/api/channel/", { id: items.find(({ name }) => name === model).id, priority: 5 });
      await all.admin.channel({ models: model, name: "second", base_url: all.mock.base("usage=100:50") });
      const answer = await ask(model);
      assert.match(String(answer.body), /\[DONE\]/);
      const row = await all.admin.row(answer.headers["x-oneapi-request-id"]);
      const { admin_info, time_limit, settled_by } = JSON.parse(row.other);
      assert.deepEqual([admin_info.attempts.map((each) => each.time_limit), time_limit, settled_by], [["first_byte", undefined], undefined, "upstream"]);
      await all.admin.option("RetryTimes", "0");
    });
  });
