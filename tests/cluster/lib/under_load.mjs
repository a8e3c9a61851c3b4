// What restarts, updates and faults have in common: clients that ask all the time, and the books when all is well again.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Load, random, settled } from "../../chaos/load.mjs";

/** What the books say before a load. */
export async function before(cluster) {
  const admin = await cluster.login();
  const balance = await admin.balance();
  return { balance, rows: new Set((await admin.consumeRows()).map((row) => row.request_id)) };
}

/** Clients at `url` (the balancer's, or a node's) with the key of the cluster; they go on until load.stop(). */
export async function begin(cluster, clients, { url = (cluster.front ?? cluster.master).url, brief = false } = {}) {
  const load = new Load({ keys: [cluster.key], chance: random(7), brief });
  load.url = url;
  load.begin(clients);
  await sleep(1500);
  return load;
}

/**
 * Ends the load: every request was answered whole, each is charged once at its price, nothing else is, and what left
 * the balance is what the rows say. Returns how many requests there were. `nodes`: those that live.
 */
export async function wholeAndExact(cluster, load, since, nodes = cluster.nodes) {
  await load.stop();
  const failed = load.asked.filter((one) => !one.whole);
  assert.deepEqual(
    failed.map(({ number, status, error, stream }) => ({ number, status, error, stream })),
    [],
    `of ${load.asked.length}`,
  );
  // One after the other, twice: a node may still be giving back what another asked for.
  for (let round = 0; round < 2; ++round) for (const node of nodes) await settled(node);
  const admin = await cluster.login(nodes[0]);
  const rows = (await admin.consumeRows()).filter((row) => !since.rows.has(row.request_id));
  load.verify(rows);
  const spent = since.balance - (await admin.call("GET", "/api/user/self")).quota;
  assert.equal(spent, rows.reduce((sum, row) => sum + row.quota, 0), "fall of the balance, sum of the rows");
  return load.asked.length;
}
