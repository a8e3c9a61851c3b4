// The books of a cluster: what clients saw, what the rows say, and what left the balances.
import assert from "node:assert/strict";
import { eventually } from "../../e2e/lib/gateway.mjs";
import { Load, model, settled, stopLoads } from "../../chaos/load.mjs";
import { Cluster } from "./cluster.mjs";

export const keyLimit = 50_000_000;

const answers = async (node, key) => {
  const response = await fetch(`${node.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
    body: JSON.stringify({ model, max_tokens: 5, messages: [{ role: "user", content: "[[mock usage=2:3]] hello" }] }),
  });
  await response.text();
  return response.ok;
};

/** A cluster with two keys, one of them limited, and the balance that all of it comes off. */
export class Books {
  static async open(options) {
    const self = new Books();
    self.cluster = await Cluster.start({ setup: true, ...options });
    const { admin } = self.cluster;
    const limited = await admin.token({ name: "limited", unlimited_quota: false, remain_quota: keyLimit });
    self.limited = limited.id;
    self.keys = [self.cluster.key, limited.key];
    self.initial = await admin.balance();
    self.dead = new Set();
    // Every node knows of the channel.
    for (const node of self.cluster.nodes) await eventually(() => answers(node, self.keys[0]), `${node.name} answers`, 60_000);
    return self;
  }

  /** Clients that ask whichever node lives; begin() or run() it. */
  load(options) {
    const load = new Load({ keys: this.keys, ...options });
    const pick = options.chance ?? Math.random;
    Object.defineProperty(load, "url", {
      get: () => {
        const live = this.cluster.nodes.filter((node) => !this.dead.has(node));
        return this.paused || live.length === 0 ? undefined : live[Math.floor(pick() * live.length)].url;
      },
      set() {},
    });
    return load;
  }

  async kill(node) {
    this.dead.add(node);
    await node.kill();
  }
  async restart(node) {
    await this.cluster.restart(node);
    this.dead.delete(node);
  }

  /** Waits until every node has nothing of its own left; then what left balance, key and statistics is what the rows say. */
  async check() {
    const live = this.cluster.nodes.filter((node) => !this.dead.has(node));
    // One after the other, twice: a node may still be giving back what another asked for.
    for (let round = 0; round < 2; ++round) for (const node of live) await settled(node);
    const slices = await this.cluster.database.sql("SELECT * FROM tg_slices");
    assert.deepEqual(slices, [], "slices are left");
    const admin = await this.cluster.login(live[0]);
    const rows = await admin.consumeRows();
    const total = (some) => some.reduce((sum, row) => sum + row.quota, 0);
    const self = await admin.call("GET", "/api/user/self");
    assert.equal(this.initial - self.quota, total(rows), "fall of the balance, sum of the rows");
    assert.equal(self.used_quota, total(rows), "used quota of the user");
    const { items: tokens } = await admin.call("GET", "/api/token/?p=1&page_size=100");
    const key = tokens.find(({ id }) => id === this.limited);
    const ofKey = total(rows.filter((row) => row.token_id === this.limited));
    assert.equal(keyLimit - key.remain_quota, ofKey, "fall of the key's limit, sum of its rows");
    const { items: channels } = await admin.call("GET", "/api/channel/?p=1&page_size=100");
    assert.equal(channels[0].used_quota, total(rows), "used quota of the channel");
    return rows;
  }

  async close() {
    await stopLoads();
    await this.cluster?.stop();
  }
}
