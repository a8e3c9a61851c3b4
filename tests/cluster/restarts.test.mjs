// Nodes, the database and Redis come and go under load; clients that came through the balancer notice nothing.
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../e2e/lib/gateway.mjs";
import { stopLoads } from "../chaos/load.mjs";
import { Cluster } from "./lib/cluster.mjs";
import { before, begin, wholeAndExact } from "./lib/under_load.mjs";

describe("restarts under load", { timeout: 240_000 }, () => {
  let cluster, since;
  afterEach(async () => {
    await stopLoads();
    await cluster?.stop();
    cluster = undefined;
  });

  async function start(options) {
    cluster = await Cluster.start({ front: true, ...options });
    since = await before(cluster);
  }

  it("REQ-CL-41 R1 rolling restart, slaves first and the master last, through the guide's nginx: no 5xx, no cut answer", async (t) => {
    await start();
    const load = await begin(cluster, 12);
    for (const node of [...cluster.slaves, cluster.master]) {
      await node.stop();
      await cluster.restart(node);
      // nginx takes a node that refused a connection out for 10 s (fail_timeout), and "no live upstreams" is its own 502.
      await sleep(10_500);
    }
    t.diagnostic(`${await wholeAndExact(cluster, load, since)} requests`);
  });

  it("R3 the database is restarted under load: no 5xx on warm keys, no charge lost", async (t) => {
    await start();
    const load = await begin(cluster, 10);
    await cluster.server.kill();
    await sleep(3000);
    await cluster.server.restart();
    await sleep(3000);
    t.diagnostic(`${await wholeAndExact(cluster, load, since)} requests`);
  });

  it("R2 Redis is frozen for 30 s, then killed and back empty: requests go on", async (t) => {
    await start();
    const load = await begin(cluster, 10, { brief: true });
    cluster.redis.freeze();
    await sleep(30_000);
    cluster.redis.thaw();
    await sleep(1000);
    await cluster.redis.kill();
    await sleep(1500);
    await cluster.redis.restart();
    await sleep(2000);
    t.diagnostic(`${await wholeAndExact(cluster, load, since)} requests`);
  });

  it("REQ-CL-37 a third slave joins under load and is ready with nothing but the same environment", async () => {
    await start();
    const load = await begin(cluster, 8, { brief: true });
    const late = await cluster.add({ NODE_TYPE: "slave" });
    await eventually(async () => (await fetch(`${late.url}/readyz`)).ok, "ready", 3000);
    for (let i = 0; i < 20; ++i) assert.ok(await cluster.serves(late));
    await load.stop();
    assert.deepEqual(load.asked.filter((one) => !one.whole), []);
  });
});
