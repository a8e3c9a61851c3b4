// The process is killed at random moments under mixed load, CHAOS_KILLS times (50), and started again on the same data.
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Installation } from "./installation.mjs";
import { Load, random } from "./load.mjs";

const kills = Number(process.env.CHAOS_KILLS ?? 50);
const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);

describe("killed at random", { timeout: kills * 30_000 + 120_000 }, () => {
  let all;
  after(() => all?.stop());

  it(`B1 B9 ${kills} kills under load: what a client saw whole is charged once and exactly, the books agree (seed ${seed})`, async (t) => {
    const chance = random(seed);
    all = await Installation.create("kill");
    const load = new Load({ keys: all.keys, chance, cuts: 0.1 });
    load.begin(40);
    for (let round = 0; round < kills; ++round) {
      load.url = all.gateway.url;
      await sleep(150 + chance() * 2000);
      load.url = undefined;
      await all.gateway.kill();
      await all.start();
    }
    load.url = all.gateway.url;
    await sleep(1000);
    await load.stop();
    const { rows } = await all.checkBooks();
    const counts = load.verify(rows);
    t.diagnostic(`${load.asked.length} requests: ${JSON.stringify(counts)}`);
  });
});
