// Taking a node out of service: nobody is reset, what runs is finished, and what is kept open may be used once more.
import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Account, eventually, rootName, rootPassword, startGateway, startMock } from "../lib/gateway.mjs";
import { removeDir, tempDir } from "../lib/process.mjs";
import { RawClient } from "../lib/raw.mjs";

const model = "gpt-4o-mini";
const say = (directive) => [{ role: "user", content: `[[mock ${directive}]]` }];

/** A connection that is kept: `ask()` sends a request and gives the answer's head. */
function kept(port, fields = "") {
  const socket = net.connect({ host: "127.0.0.1", port });
  let text = "";
  let ended = false;
  let look = () => {};
  socket.setEncoding("latin1");
  socket.on("data", (part) => ((text += part), look()));
  socket.on("close", () => ((ended = true), look()));
  socket.on("error", (error) => (text += `<${error.code}>`));
  return {
    get ended() {
      return ended;
    },
    ask: () =>
      new Promise((done) => {
        text = "";
        look = () => (ended || /\r\n\r\n.*"success":true/s.test(text)) && done(text);
        socket.write(`GET /api/status HTTP/1.1\r\nHost: node\r\n${fields}\r\n`);
      }),
    close: () => socket.destroy(),
  };
}

describe("drain", { timeout: 180_000 }, () => {
  let mock, dir, key;
  const start = (env) => startGateway({ dir, workers: 2, env });
  before(async () => {
    dir = tempDir("drain");
    mock = await startMock();
    const gateway = await start();
    const admin = await Account.setup(gateway.url);
    await admin.channel({ base_url: mock.url, models: model });
    ({ key } = await admin.token());
    await gateway.stop();
  });
  after(async () => {
    await mock?.stop();
    if (dir) removeDir(dir);
  });

  it("D3 G5 sixteen busy clients and fifteen drains: every request is answered or its connection refused", async () => {
    const seen = {};
    for (let round = 0; round < 15; ++round) {
      const gateway = await start();
      let running = true;
      const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
      const once = (options) =>
        new Promise((done) => {
          const request = http.get({ host: "127.0.0.1", port: gateway.port, path: "/api/status", ...options }, (answer) => {
            let body = "";
            answer.on("data", (part) => (body += part));
            answer.on("end", () => done(body.includes('"success":true') ? "answered" : `cut:${body.length}`));
            answer.on("error", (error) => done(error.code));
          });
          request.on("error", (error) => done(error.code));
        });
      const clients = Array.from({ length: 16 }, async (_, i) => {
        // Half of them keep their connection, half make one for each request.
        while (running) {
          const what = await once(i % 2 ? { agent } : { agent: false });
          seen[what] = (seen[what] ?? 0) + 1;
          if (what === "ECONNREFUSED") break;
        }
      });
      await sleep(100);
      const stopped = gateway.stop();
      await Promise.all(clients);
      running = false;
      await stopped;
      agent.destroy();
    }
    assert.ok(seen.answered > 100, JSON.stringify(seen));
    const { answered: _, ECONNREFUSED: refused, ...wrong } = seen;
    assert.deepEqual(wrong, {});
    assert.equal(refused, 15 * 16);
  });

  it("D3 a balancer's idle connection outlives a client's while a stream runs, and is used once more", async (t) => {
    const gateway = await start();
    t.after(() => gateway.kill());
    const stream = new RawClient(`${gateway.url}/v1/chat/completions`, key, {
      model,
      stream: true,
      messages: say("chunks=8 delay_ms=500 usage=10:20"),
    });
    const [balancer, client] = [kept(gateway.port, "X-Forwarded-For: 192.0.2.7\r\n"), kept(gateway.port)];
    assert.match(await balancer.ask(), /^HTTP\/1\.1 200/);
    assert.match(await client.ask(), /^HTTP\/1\.1 200/);
    await stream.until((raw) => raw.events > 0);
    const stopped = gateway.stop();
    await eventually(() => client.ended, "the client's idle connection ends");
    assert.ok(!balancer.ended);
    const last = await balancer.ask();
    assert.match(last, /^HTTP\/1\.1 200/);
    assert.match(last, /^Connection: close\r$/m);
    await eventually(() => balancer.ended, "it is closed behind its answer");
    await stopped;
    await stream.closed;
    assert.match(stream.text, /data: \[DONE\]/);
  });

  it("chaos 5 a stream longer than the limit of the drain ends with an error event", async (t) => {
    const gateway = await start({ TOLLGATE_DRAIN_TIMEOUT: "3s" });
    const stream = new RawClient(`${gateway.url}/v1/chat/completions`, key, {
      model,
      stream: true,
      messages: say("chunks=200 delay_ms=100"),
    });
    await stream.until((raw) => raw.events > 0);
    await gateway.stop();
    await stream.closed;
    assert.match(stream.text, /"type":"server_restart"/);
    assert.doesNotMatch(stream.text, /\[DONE\]/);
  });

  it("SIGHUP opens the log anew and reads the session secrets again", async (t) => {
    writeFileSync(join(dir, ".env"), "SESSION_SECRET_PREVIOUS=\n");
    const gateway = await startGateway({ dir, env: { SESSION_SECRET: undefined } });
    t.after(() => gateway.kill());
    const log = join(dir, "logs", "tollgate.log");
    const secret = readFileSync(join(dir, "session_secret"), "utf8").trim();
    const account = await Account.login(gateway.url, rootName, rootPassword);
    writeFileSync(join(dir, ".env"), `SESSION_SECRET=another secret of sessions\nSESSION_SECRET_PREVIOUS=${secret}\n`);
    renameSync(log, `${log}.moved`);
    process.kill(gateway.pid, "SIGHUP");
    await eventually(() => existsSync(log) && readFileSync(log, "utf8").includes("log file opened anew"), "a new log file");
    // The cookie of the old secret is still taken; one of the new secret alone would be refused without the reload.
    await account.call("GET", "/api/user/self");
    const fresh = await Account.login(gateway.url, rootName, rootPassword);
    await fresh.call("GET", "/api/user/self");
    writeFileSync(join(dir, ".env"), "SESSION_SECRET=another secret of sessions\n");
    process.kill(gateway.pid, "SIGHUP");
    await eventually(
      () => account.call("GET", "/api/user/self").then(() => false, () => true),
      "the old secret is gone",
    );
    await fresh.call("GET", "/api/user/self");
    // What cannot be read changes nothing.
    writeFileSync(join(dir, ".env"), "nonsense\n");
    process.kill(gateway.pid, "SIGHUP");
    await eventually(() => readFileSync(log, "utf8").includes("the configuration stays as it was"), "a refusal in the log");
    await fresh.call("GET", "/api/user/self");
    writeFileSync(join(dir, ".env"), "");
    await gateway.stop();
  });
});
