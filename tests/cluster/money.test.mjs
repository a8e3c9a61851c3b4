// One balance on several nodes over one database server and one Redis: nobody overspends it, nobody is refused while it
// lasts, and what killed nodes had charged is in the books once.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { startServer } from "../e2e/lib/databases.mjs";
import { eventually } from "../e2e/lib/gateway.mjs";
import { tollgateProgram } from "../e2e/lib/process.mjs";
import { quota, ratios } from "../e2e/lib/price.mjs";
import { random } from "../chaos/load.mjs";
import { Books } from "./lib/books.mjs";

const sql = process.env.TOLLGATE_CLUSTER_SQL ?? "mysql";
const kills = Number(process.env.CHAOS_KILLS ?? 10);
const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
const model = "gpt-4o-mini";

/** `tollgate journal …` as an operator would run it on another machine. */
async function journal(cluster, ...words) {
  try {
    const { stdout } = await promisify(execFile)(tollgateProgram(), ["journal", ...words, "--json"], {
      env: { PATH: process.env.PATH, TOLLGATE_LOG_DIR: "-", ...cluster.env },
      cwd: cluster.master.dir,
    });
    return { code: 0, ...JSON.parse(stdout.trim().split("\n").pop()) };
  } catch (error) {
    const line = String(error.stdout ?? "").trim().split("\n").pop();
    return { code: error.code, error: error.stderr, ...(line ? JSON.parse(line) : {}) };
  }
}

const ask = async (url, key, { prompt, completion, maxTokens }) => {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
    body: JSON.stringify({
      model,
      max_tokens: maxTokens,
      messages: [{ role: "user", content: `[[mock usage=${prompt}:${completion} delay_ms=300]] hello` }],
    }),
  });
  await response.text();
  return response.status;
};

/** Kills random nodes under load, `harm()` going on beside it; what the load saw and the books agree. */
async function killed(books, harm = async () => {}) {
  const chance = random(seed);
  const load = books.load({ chance, cuts: 0.1 });
  const { nodes } = books.cluster;
  const before = new Set((await books.check()).map((row) => row.request_id));
  load.begin(24);
  let over = false;
  const harmed = harm().finally(() => (over = true));
  let round = 0;
  for (; round < kills || !over; ++round) {
    await sleep(150 + chance() * 2000);
    const node = nodes[Math.floor(chance() * nodes.length)];
    await books.kill(node);
    await sleep(chance() * 500);
    await books.restart(node);
  }
  await harmed;
  await sleep(1000);
  await load.stop();
  const rows = (await books.check()).filter((row) => !before.has(row.request_id));
  return `${round} kills, ${load.asked.length} requests: ${JSON.stringify(load.verify(rows))}`;
}

describe(`money on three nodes, ${sql}`, { timeout: 900_000 + kills * 60_000 }, () => {
  let books;
  before(async () => {
    books = await Books.open({ sql, env: { BATCH_UPDATE_ENABLED: "true", BATCH_UPDATE_INTERVAL: "1", SYNC_FREQUENCY: "2" } });
    const { nodes } = books.cluster;
    const three = async (node) => (await node.health()).cluster.ready_nodes === 3;
    for (const node of nodes) await eventually(() => three(node), "it knows of three nodes", 30_000);
  });
  after(() => books?.close());

  it("B10 REQ-CL-29 200 clients on three nodes against a balance for 20: 20 pass", async () => {
    const { cluster } = books;
    // What a request sets aside is what it costs with all of its output limit.
    const cost = quota({ prompt: 500, completion: 4000 }, ratios[model]);
    const { id, key } = await cluster.admin.token({ name: "twenty", unlimited_quota: false, remain_quota: 20 * cost });
    const statuses = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        ask(cluster.nodes[i % 3].url, key, { prompt: 500, completion: 4000, maxTokens: 4000 })),
    );
    const passed = statuses.filter((status) => status === 200).length;
    assert.ok(statuses.every((status) => status === 200 || status === 403), statuses.join(" "));
    assert.equal(passed, 20);
    await books.check();
    assert.equal((await cluster.admin.call("GET", `/api/token/${id}`)).remain_quota, 0);
  });

  it("B11 what idle nodes hold of a key serves a request for nearly all of it on another", async () => {
    const { cluster } = books;
    const cost = quota({ prompt: 4000, completion: 10 }, ratios[model]);
    const { key } = await cluster.admin.token({ name: "spread", unlimited_quota: false, remain_quota: 3 * cost });
    for (const node of cluster.nodes) assert.equal(await ask(node.url, key, { prompt: 1, completion: 1, maxTokens: 10 }), 200);
    const status = await ask(cluster.nodes[1].url, key, { prompt: 1, completion: 10, maxTokens: 11_000 });
    assert.equal(status, 200);
    await books.check();
  });

  it(`B1 B9 REQ-CL-29 ${kills} kills of random nodes under load: each answer is charged once, the books agree (seed ${seed})`, async (t) => {
    t.diagnostic(await killed(books));
  });

  it("REQ-CL-38 the journal of a killed node is replayed from elsewhere, once, and its slices go back", async () => {
    const { cluster } = books;
    const lost = cluster.nodes[2];
    const before = new Set((await books.check()).map((row) => row.request_id));
    const load = books.load({});
    load.begin(16);
    await sleep(3000);
    await books.kill(lost);
    await load.stop();
    // It counts as alive until its heartbeat is half a minute old; its slices stay until then.
    const early = await journal(cluster, "replay", lost.dir);
    assert.equal(early.code, 0, early.error);
    const again = await journal(cluster, "status", lost.dir);
    assert.deepEqual(again.waiting, [0, 0, 0]);
    for (let i = 0; i < 40 && (await journal(cluster, "status", lost.dir)).alive; ++i) await sleep(1000);
    const late = await journal(cluster, "replay", lost.dir);
    assert.equal(late.code, 0, late.error);
    assert.equal(late.slices_left, false);
    load.verify((await books.check()).filter((row) => !before.has(row.request_id)));
    await books.restart(lost);
    await books.check();
  });

  it("REQ-CL-38 B9 a journal is replayed while its node starts again: each charge counts once", async () => {
    const { cluster } = books;
    const node = cluster.nodes[1];
    const before = new Set((await books.check()).map((row) => row.request_id));
    const load = books.load({});
    load.begin(16);
    for (let round = 0; round < 3; ++round) {
      await sleep(1500);
      await books.kill(node);
      const replays = [journal(cluster, "replay", node.dir), books.restart(node), journal(cluster, "replay", node.dir)];
      const [first, , second] = await Promise.all(replays);
      assert.equal(first.code, 0, first.error);
      assert.equal(second.code, 0, second.error);
    }
    await load.stop();
    load.verify((await books.check()).filter((row) => !before.has(row.request_id)));
  });

  it("chaos 22: a database set back to before its last flushes gets the charges again, once", async () => {
    const { cluster } = books;
    const tables = ["users", "tokens", "channels", "logs", "quota_data", "tg_marks", "tg_slices", "tg_once"];
    const before = new Set((await books.check()).map((row) => row.request_id));
    for (const table of tables) await cluster.database.sql(`CREATE TABLE old_${table} AS SELECT * FROM ${table}`);
    const load = books.load({});
    load.begin(12);
    await sleep(3000);
    await load.stop();
    for (const node of cluster.nodes) process.kill(node.pid, "SIGSTOP");
    try {
      for (const table of tables) {
        await cluster.database.sql(`DELETE FROM ${table}`);
        await cluster.database.sql(`INSERT INTO ${table} SELECT * FROM old_${table}`);
      }
    } finally {
      for (const node of cluster.nodes) process.kill(node.pid, "SIGCONT");
    }
    // Each node notices with its next transaction.
    for (const node of cluster.nodes) assert.equal(await ask(node.url, cluster.key, { prompt: 5, completion: 5, maxTokens: 10 }), 200);
    const rows = (await books.check()).filter((row) => !before.has(row.request_id));
    load.verify(rows.filter((row) => load.asked.some((one) => one.id === row.request_id)));
  });
});

describe(`kills on three nodes with a log database of its own, ${sql}`, { timeout: 300_000 + kills * 60_000 }, () => {
  let books, logs;
  before(async () => {
    logs = await startServer(sql);
    const { dsn } = await logs.database("logs");
    books = await Books.open({ sql, env: { BATCH_UPDATE_ENABLED: "true", BATCH_UPDATE_INTERVAL: "1", LOG_SQL_DSN: dsn } });
  });
  after(async () => {
    await books?.close();
    await logs?.stop();
  });

  it(`B9 REQ-CL-36 chaos 28 ${kills} kills, the log database away for a minute meanwhile: the books agree (seed ${seed})`, async (t) => {
    const away = async () => {
      await sleep(3000);
      await logs.kill();
      await sleep(60_000);
      await logs.restart();
    };
    t.diagnostic(await killed(books, away));
  });
});
