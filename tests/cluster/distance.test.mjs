// Database and Redis far away from the nodes: all of it works, warm requests wait for neither, and the doctor says how far.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../e2e/lib/gateway.mjs";
import { removeDir, tempDir, tollgateProgram } from "../e2e/lib/process.mjs";
import { random, stopLoads } from "../chaos/load.mjs";
import { Books } from "./lib/books.mjs";

const model = "gpt-4o-mini";
const away = 40; // ms in each direction

describe("a database and a Redis 80 ms away", { timeout: 400_000 }, () => {
  let books, cluster, home;
  before(async () => {
    home = tempDir("distance");
    books = await Books.open({ links: true });
    ({ cluster } = books);
    for (const { links } of cluster.nodes) for (const link of Object.values(links)) link.delay(away);
  });
  afterEach(stopLoads);
  after(async () => {
    await books?.close();
    if (home) removeDir(home);
  });

  it("REQ-CL-14 the cluster works: log-in, changes on all nodes, keys that come and go, exact books under load", async (t) => {
    const load = books.load({ chance: random(14), cuts: 0.05 });
    load.begin(8);
    const admin = await cluster.login(cluster.slaves[0]);
    for (let i = 0; i < 3; ++i) {
      await admin.option("Notice", `from afar ${i}`);
      for (const node of cluster.nodes)
        await eventually(async () => (await (await fetch(`${node.url}/api/notice`)).json()).data === `from afar ${i}`, `${node.name} follows`, 5000);
    }
    const { id, key } = await admin.token({ name: "far" });
    const models = (node) => fetch(`${node.url}/v1/models`, { headers: { Authorization: `Bearer ${key}` } });
    for (const node of cluster.nodes) assert.equal((await models(node)).status, 200);
    await admin.call("PUT", "/api/token/?status_only=true", { id, status: 2 });
    for (const node of cluster.nodes) await eventually(async () => (await models(node)).status === 401, `${node.name} refuses`, 5000);
    await sleep(5000);
    await load.stop();
    const odd = load.asked.filter((one) => one.status !== undefined && one.status !== 200);
    assert.deepEqual(odd.map(({ status, error }) => ({ status, error })), []);
    const rows = (await books.check()).filter((row) => load.asked.some((one) => one.id === row.request_id));
    t.diagnostic(`${load.asked.length} requests: ${JSON.stringify(load.verify(rows))}`);
  });

  it("REQ-CL-14 R6 the doctor measures both ways and warns with what it measured", async () => {
    const { links, env } = cluster.slaves[0];
    const stdout = await new Promise((resolve) =>
      execFile(tollgateProgram(), ["doctor", "--json"], {
        cwd: home,
        timeout: 120_000,
        env: { PATH: process.env.PATH, TOLLGATE_DATA_DIR: home, ...cluster.env, ...env },
      }, (_, out) => resolve(out)),
    );
    const { checks } = JSON.parse(stdout);
    for (const [id, link] of [["D-08", links.sql], ["R-07", links.redis]]) {
      assert.ok(link.connections() >= 1);
      const check = checks.find((one) => one.id === id);
      assert.equal(check?.result, "WARN", JSON.stringify(check));
      const [, median] = /round trip p50 ([\d.]+) ms/.exec(check.evidence);
      // It cannot be less; how much more it is, the machine decides.
      assert.ok(Number(median) >= 2 * away && Number(median) < 2000, check.evidence);
    }
  });

  it("REQ-CL-14 P1 a warm request awaits no statement and no command: it is answered while nothing comes back from either", async () => {
    const ask = async (node) => {
      const response = await fetch(`${node.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${cluster.key}` },
        body: JSON.stringify({ model, max_tokens: 10, messages: [{ role: "user", content: "[[mock usage=2:3]] hello" }] }),
      });
      await response.text();
      return response.status;
    };
    for (const node of cluster.nodes) {
      for (let i = 0; i < 3; ++i) assert.equal(await ask(node), 200);
      let held = true;
      const hold = (on) => {
        held = on;
        for (const link of Object.values(node.links)) link.hold(on);
      };
      hold(true);
      const late = setTimeout(hold, 20_000, false);
      const answers = [];
      for (let i = 0; i < 20; ++i) answers.push(await ask(node));
      assert.ok(held, "the answers came only when the links were let go");
      clearTimeout(late);
      hold(false);
      assert.deepEqual(answers, Array(20).fill(200));
    }
    await books.check();
  });
});
