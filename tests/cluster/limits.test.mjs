// Limits that hold for the cluster, and what becomes of counts and cached rows when Redis forgets them.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../e2e/lib/gateway.mjs";
import { model, random, stopLoads } from "../chaos/load.mjs";
import { Books } from "./lib/books.mjs";
import { Cluster } from "./lib/cluster.mjs";

describe("limits of a cluster", { timeout: 300_000 }, () => {
  const apiLimit = 40;
  const chance = random(16);
  let cluster;
  before(async () => {
    cluster = await Cluster.start({ slaves: 3, env: { GLOBAL_API_RATE_LIMIT_ENABLE: "true", GLOBAL_API_RATE_LIMIT: String(apiLimit) } });
  });
  after(() => cluster?.stop());

  const any = (count) => cluster.nodes[Math.floor(chance() * count)];
  const ask = async (node) => {
    const response = await fetch(`${node.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${cluster.key}` },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "[[mock usage=1:1]] hello" }] }),
    });
    await response.text();
    return response.status;
  };
  const forget = () => cluster.redis.cli("FLUSHALL");

  it("L1 model requests of a user: on 1, 2, 3 and 4 nodes as many pass as the limit says", async () => {
    const limit = 12;
    const { admin } = cluster;
    await forget();
    await admin.option("ModelRequestRateLimitDurationMinutes", "1");
    await admin.option("ModelRequestRateLimitCount", String(limit));
    await admin.option("ModelRequestRateLimitSuccessCount", "1000000");
    await admin.option("ModelRequestRateLimitEnabled", "true");
    try {
      for (const node of cluster.nodes)
        await eventually(async () => {
          for (let i = 0; i <= limit; ++i) if ((await ask(node)) === 429) return true;
          return false;
        }, `${node.name} knows the limit`, 20_000);
      for (const count of [1, 2, 3, 4]) {
        await forget();
        const begun = performance.now();
        const statuses = await Promise.all(Array.from({ length: 80 }, () => ask(any(count))));
        // The limit fills again at its own rate: one more every five seconds.
        const refilled = Math.floor((performance.now() - begun) / (60_000 / limit));
        const passed = statuses.filter((status) => status === 200).length;
        assert.ok(statuses.every((status) => status === 200 || status === 429), statuses.join(" "));
        assert.ok(passed >= limit && passed <= limit + refilled, `${passed} of ${limit} on ${count} nodes`);
      }
    } finally {
      await forget();
      await admin.option("ModelRequestRateLimitEnabled", "false");
    }
  });

  it("L1 requests to /api by address: on four nodes as many pass as the limit says", async () => {
    await forget();
    const statuses = await Promise.all(
      Array.from({ length: 3 * apiLimit }, async () => {
        const response = await fetch(`${any(4).url}/api/about`);
        await response.text();
        return response.status;
      }),
    );
    assert.equal(statuses.filter((status) => status !== 429).length, apiLimit, statuses.join(" "));
    await forget();
  });
});

describe("Redis forgets under load", { timeout: 300_000 }, () => {
  let books;
  before(async () => {
    books = await Books.open({ env: { BATCH_UPDATE_ENABLED: "true", BATCH_UPDATE_INTERVAL: "1" } });
  });
  after(async () => {
    await stopLoads();
    await books?.close();
  });

  it("L2 L3 flushed five times a second: no request fails, the books agree, and what nodes put back is what the database has", async (t) => {
    const { cluster } = books;
    const before = new Set((await books.check()).map((row) => row.request_id));
    const load = books.load({ chance: random(5), brief: true });
    load.begin(12);
    for (let i = 0; i < 50; ++i) {
      await cluster.redis.cli("FLUSHALL");
      await sleep(200);
    }
    await load.stop();
    const rows = (await books.check()).filter((row) => !before.has(row.request_id));
    assert.deepEqual(load.asked.filter((one) => !one.whole).map(({ status, error }) => ({ status, error })), []);
    load.verify(rows);
    t.diagnostic(`${load.asked.length} requests`);
    // A node that lost a row asks the database and puts it back, whichever node it is.
    await cluster.redis.cli("FLUSHALL");
    const name = `user:${cluster.admin.id}`;
    await eventually(async () => {
      await Promise.all(cluster.nodes.map((node) => cluster.serves(node)));
      return (await cluster.redis.cli("EXISTS", name)) === "1";
    }, "the row of the user is back", 60_000);
    await books.check();
    const [[quota]] = await cluster.database.sql(`SELECT quota FROM users WHERE id = ${cluster.admin.id}`);
    await eventually(async () => (await cluster.redis.cli("HGET", name, "Quota")) === String(quota), "Redis has what the database has");
  });
});
