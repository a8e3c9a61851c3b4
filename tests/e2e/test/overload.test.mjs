// A node at its limits says so with 503 and Retry-After, goes on with what it has, and takes new requests afterwards.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import net from "node:net";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Account, eventually, startGateway, startMock } from "../lib/gateway.mjs";
import { post } from "../lib/raw.mjs";

const model = "gpt-4o-mini";

describe("overload", { timeout: 180_000 }, () => {
  let mock, gateway, admin, key;
  before(async () => {
    mock = await startMock({ keep: 10 });
  });
  after(() => mock?.stop());
  afterEach(async () => {
    await gateway?.stop();
    gateway = undefined;
  });
  async function start(env) {
    gateway = await startGateway({ env });
    admin = await Account.setup(gateway.url);
    await admin.channel({ base_url: mock.url, models: model });
    ({ key } = await admin.token());
  }
  const ask = (directive) =>
    post(`${gateway.url}/v1/chat/completions`, key, {
      model,
      messages: [{ role: "user", content: `[[mock ${directive}]]` }],
    });
  function isOverloaded(answer, why) {
    assert.equal(answer.status, 503);
    assert.equal(answer.headers["retry-after"], "1");
    const { error } = JSON.parse(answer.body);
    assert.equal(error.code, "overloaded");
    assert.equal(error.type, "new_api_error");
    assert.match(error.message, why);
  }
  const works = async () => assert.equal((await ask("usage=1:1")).status, 200);

  it("P4 more requests than it may relay: the rest get 503, management and health go on", async () => {
    await start({ TOLLGATE_MAX_REQUESTS: "8" });
    await works();
    const running = Array.from({ length: 8 }, () => ask("slow_head_ms=1500 usage=1:1"));
    await eventually(async () => (await gateway.health()).relayed === 8, "eight are open");
    for (const answer of await Promise.all(Array.from({ length: 12 }, () => ask("usage=1:1"))))
      isOverloaded(answer, /too many requests are open/);
    assert.equal(await (await fetch(`${gateway.url}/readyz`)).text(), "ok");
    assert.ok((await admin.balance()) > 0);
    assert.equal((await gateway.health()).overloaded, 12);
    for (const answer of await Promise.all(running)) assert.equal(answer.status, 200);
    await works();
  });

  it("P4 a loop that runs late turns new requests away, and takes them when it keeps up again", async () => {
    await start({ TOLLGATE_MAX_LOOP_LAG: "50ms" });
    await works();
    // As a machine that gives the process a tenth of its time.
    for (let i = 0; i < 16; ++i) {
      process.kill(gateway.pid, "SIGSTOP");
      await sleep(190);
      process.kill(gateway.pid, "SIGCONT");
      await sleep(12);
    }
    isOverloaded(await ask("usage=1:1"), /it answers late/);
    await eventually(async () => (await ask("usage=1:1")).status === 200, "it keeps up again");
  });

  it("P4 out of descriptors: what is open goes on, and new connections come in once some are free", async () => {
    await start({});
    await works();
    const limit = spawnSync("prlimit", ["--pid", String(gateway.pid), "--nofile=120:120"]);
    assert.equal(limit.status, 0, String(limit.stderr));
    const running = ask("chunks=30 delay_ms=60 usage=1:1");
    await sleep(100);
    const idle = [];
    for (let i = 0; i < 200; ++i) {
      const socket = net.connect(gateway.port, "127.0.0.1");
      socket.on("error", () => {});
      idle.push(socket);
    }
    await eventually(() => /out of file descriptors/.test(gateway.output()), "it says so");
    assert.equal((await running).status, 200);
    for (const socket of idle) socket.destroy();
    await eventually(async () => (await ask("usage=1:1").catch(() => ({}))).status === 200, "it takes connections again");
  });
});
