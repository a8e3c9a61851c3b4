// Thousands of requests (CHAOS_REQUESTS, 10000) that are cut on either side at random places: at their end nothing of
// them is left, no coroutine, socket, time limit, reservation or slice, and the books agree. Meant for sanitizer builds.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { eventually } from "../e2e/lib/gateway.mjs";
import { Installation } from "./installation.mjs";
import { Load, random } from "./load.mjs";

const count = Number(process.env.CHAOS_REQUESTS ?? 10_000);
const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);

describe("cut at random", { timeout: 1_200_000 }, () => {
  let all;
  after(() => all?.stop());

  it(`B9 S4 ${count} requests cut at random places leave nothing behind (seed ${seed})`, async (t) => {
    all = await Installation.create("leaks");
    const chance = random(seed);
    // What an idle node has: listeners, clocks, and the connection that asks.
    const idle = (await all.gateway.health()).alive;
    const load = new Load({ keys: all.keys, chance, cuts: 0.4, faults: 0.5, brief: true });
    load.url = all.gateway.url;
    await load.run(48, count);
    const { rows } = await all.checkBooks();
    t.diagnostic(`${load.asked.length} requests: ${JSON.stringify(load.verify(rows))}`);
    await eventually(async () => {
      const { alive, relayed, connections } = await all.gateway.health();
      const own = alive.sockets - alive.idle_upstreams;
      if (relayed === 0 && alive.tasks <= idle.tasks && own <= idle.sockets && alive.deadlines <= idle.deadlines + 1)
        return true;
      last = JSON.stringify({ alive, relayed, connections, idle });
      return false;
    }, "nothing is left of the requests", 100_000).catch((error) => assert.fail(`${error.message}: ${last}`));
  });
});
let last = "";
