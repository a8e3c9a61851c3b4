// Nodes, the database and Redis come and go under load; clients that came through the balancer notice nothing.
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../e2e/lib/gateway.mjs";
import { Load, random, settled, stopLoads } from "../chaos/load.mjs";
import { Cluster } from "./lib/cluster.mjs";

// What docs/guarantees.md states for R1: how much longer the head of an answer may take in the worst hundredth.
const boundMs = 500;

/** Of the answers to requests that began in a span of time: how long the slowest hundredth waited for its head, in ms. */
function p99(load, from, until) {
  const waits = load.asked.filter(({ began }) => began >= from && began < until).map(({ headAfter }) => headAfter ?? Infinity);
  assert.ok(waits.length > 200, `${waits.length} requests are too few`);
  return waits.sort((a, b) => a - b)[Math.floor(waits.length * 0.99)];
}

describe("restarts under load", { timeout: 240_000 }, () => {
  let cluster;
  afterEach(async () => {
    await stopLoads();
    await cluster?.stop();
    cluster = undefined;
  });

  /** Clients through the balancer, or at the nodes in turn where there is none; first until every node knows the key. */
  async function begin(clients, { brief = false } = {}) {
    const load = new Load({ keys: [cluster.key], chance: random(7), brief });
    load.url = (cluster.front ?? cluster.master).url;
    load.begin(clients);
    await sleep(1500);
    return load;
  }

  /** Every request was answered whole, and the books agree. */
  async function check(load) {
    await load.stop();
    const failed = load.asked.filter((one) => !one.whole);
    assert.deepEqual(
      failed.map(({ number, status, error, stream }) => ({ number, status, error, stream })),
      [],
      `of ${load.asked.length}`,
    );
    for (const node of cluster.nodes) await settled(node);
    const admin = await cluster.login();
    const rows = await admin.consumeRows();
    load.verify(rows);
    const spent = cluster.balance - (await admin.call("GET", "/api/user/self")).quota;
    assert.equal(spent, rows.reduce((sum, row) => sum + row.quota, 0), "fall of the balance, sum of the rows");
    return load.asked.length;
  }

  async function start(options) {
    cluster = await Cluster.start({ front: true, ...options });
    cluster.balance = await cluster.admin.balance();
  }

  it("REQ-CL-41 R1 rolling restart, slaves first and the master last, through the guide's nginx: no 5xx, no cut answer", async (t) => {
    await start();
    const load = await begin(12);
    for (const node of [...cluster.slaves, cluster.master]) {
      await node.stop();
      await cluster.restart(node);
      // nginx takes a node that refused a connection out for 10 s (fail_timeout), and "no live upstreams" is its own 502.
      await sleep(10_500);
    }
    t.diagnostic(`${await check(load)} requests`);
  });

  it("R3 the database is restarted under load: no 5xx on warm keys, no charge lost", async (t) => {
    await start();
    const load = await begin(10);
    await cluster.server.kill();
    await sleep(3000);
    await cluster.server.restart();
    await sleep(3000);
    t.diagnostic(`${await check(load)} requests`);
  });

  it("R1 R2 Redis is frozen for 30 s, then killed and back empty: requests go on, p99 rises by less than 500 ms", async (t) => {
    await start();
    const load = await begin(10, { brief: true });
    const begun = performance.now();
    await sleep(5000);
    const frozen = performance.now();
    cluster.redis.freeze();
    await sleep(30_000);
    const [before, during] = [p99(load, begun, frozen), p99(load, frozen, performance.now() - 1000)];
    t.diagnostic(`p99 of the head: ${before.toFixed(1)} ms before, ${during.toFixed(1)} ms while frozen`);
    assert.ok(during < before + boundMs, `p99 ${before} ms before, ${during} ms while frozen`);
    cluster.redis.thaw();
    await sleep(1000);
    await cluster.redis.kill();
    await sleep(1500);
    await cluster.redis.restart();
    await sleep(2000);
    t.diagnostic(`${await check(load)} requests`);
  });

  it("REQ-CL-37 a third slave joins under load and is ready with nothing but the same environment", async () => {
    await start();
    const load = await begin(8, { brief: true });
    const late = await cluster.add({ NODE_TYPE: "slave" });
    await eventually(async () => (await fetch(`${late.url}/readyz`)).ok, "ready", 3000);
    for (let i = 0; i < 20; ++i) assert.ok(await cluster.serves(late));
    await load.stop();
    assert.deepEqual(load.asked.filter((one) => !one.whole), []);
  });
});
