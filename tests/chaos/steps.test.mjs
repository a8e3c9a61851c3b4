// The process is killed at named steps (src/core/fault_point.h), before and after each thing that must not be torn from
// the next. Needs a build with fault points: TOLLGATE_BUILD=build/asan or build/debug.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Installation } from "./installation.mjs";
import { Load, random } from "./load.mjs";

const steps = [
  "attempt.prepared", // nothing has been sent upstream
  "attempt.answered", // the head of the upstream's answer is here
  "stream.event", // an event has left
  "settle.priced", // the charge is known, the journal has nothing yet
  "journal.filled", // the group is written and not committed
  "journal.committed", // committed, nobody knows yet
  "settle.journaled", // the request knows, the end of the answer has not left
  "answer.sent", // the end has left
  "ledger.applied", // balances are changed, COMMIT was not sent
  "ledger.committed", // COMMIT happened, the node does not know
  "statistics.applied",
  "statistics.committed",
  "log.applied",
  "log.committed",
];
// Steps of a start after a kill.
const recovery = ["recovery.applied", "recovery.committed", "recovery.adopted"];

describe("killed at chosen steps", { timeout: 600_000 }, () => {
  let all, load;
  after(() => all?.stop());
  const chance = random(4711);

  /** Runs the load against a gateway that kills itself at the n-th pass of the step. */
  async function dieAt(step, nth) {
    await all.gateway.stop();
    await all.start({ FAULT_POINT: `${step}:${nth}` });
    load.url = all.gateway.url;
    const how = await Promise.race([all.gateway.exited, sleep(30_000, "lives")]);
    load.url = undefined;
    assert.equal(how, "SIGKILL", `the step ${step} was not passed ${nth} times`);
    await all.start();
    load.url = all.gateway.url;
    await sleep(200);
    load.url = undefined;
  }

  it("starts the load", async () => {
    all = await Installation.create("steps");
    load = new Load({ keys: all.keys, chance, cuts: 0.1 });
    load.begin(20);
  });

  for (const step of steps)
    it(`B9 killed at ${step}, early and late`, async () => {
      await dieAt(step, 1 + Math.floor(chance() * 3));
      await dieAt(step, 20 + Math.floor(chance() * 30));
    });

  for (const step of recovery)
    it(`B9 killed at ${step} of the start after a kill`, async () => {
      load.url = all.gateway.url;
      await sleep(2500); // streams older than a second leave in-flight rows
      load.url = undefined;
      await all.gateway.kill();
      const broken = await all.start({ FAULT_POINT: `${step}:1` }).catch((error) => error);
      if (!(broken instanceof Error)) {
        const how = await Promise.race([all.gateway.exited, sleep(30_000, "lives")]);
        assert.equal(how, "SIGKILL", `the step ${step} was not passed`);
      }
      await all.start();
    });

  it("B9 the answer to COMMIT is lost in 20 of 100 flushes", async () => {
    await all.gateway.stop();
    await all.start({ FAULT_CHANCE: "commit.answer:20" });
    load.url = all.gateway.url;
    await sleep(8000);
    load.url = undefined;
    assert.match(all.gateway.output(), /no answer/);
    await all.checkBooks();
    await all.gateway.stop();
    await all.start();
  });

  it("B1 B9 what was seen whole is charged once and exactly, and the books agree", async (t) => {
    load.url = all.gateway.url;
    await sleep(500);
    await load.stop();
    const { rows } = await all.checkBooks();
    t.diagnostic(`${load.asked.length} requests: ${JSON.stringify(load.verify(rows))}`);
  });
});
