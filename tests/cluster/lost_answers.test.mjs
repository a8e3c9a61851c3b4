// The link to the database breaks at COMMIT, before or behind it, again and again, between real nodes and real servers:
// whether it happened is nobody's guess, and the books stay exact.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../e2e/lib/gateway.mjs";
import { random } from "../chaos/load.mjs";
import { Books } from "./lib/books.mjs";

const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);

describe("answers to COMMIT that get lost", { timeout: 400_000 }, () => {
  let books;
  after(() => books?.close());

  for (const sql of ["mysql", "postgres"])
    it(`chaos 25 B1 B9 on ${sql} a fifth of them is dropped, a twentieth never arrives: each charge counts once (seed ${seed})`, async (t) => {
      books = await Books.open({ sql, links: true, slaves: 1, env: { BATCH_UPDATE_ENABLED: "true", BATCH_UPDATE_INTERVAL: "1" } });
      const { nodes } = books.cluster;
      const chance = random(seed);
      const counts = { commits: 0, answers: 0, orders: 0 };
      // A transaction's end stands alone on the wire; what follows on the connection is its answer.
      const breaks = (bytes, direction, connection) => {
        if (direction === "down" && connection.doomed) {
          connection.cut();
          return true;
        }
        if (direction === "down" || !bytes.includes("COMMIT")) return false;
        ++counts.commits;
        const drawn = chance();
        connection.doomed = drawn < 0.2;
        if (connection.doomed) ++counts.answers;
        if (drawn < 0.2 || drawn >= 0.25) return false;
        ++counts.orders;
        connection.cut();
        return true;
      };
      for (const node of nodes) node.links.sql.rule(breaks);
      const load = books.load({ chance, cuts: 0.1 });
      load.begin(10);
      await sleep(12_000);
      await eventually(() => counts.answers >= 10 && counts.orders >= 1, "many were lost", 60_000);
      await load.stop();
      for (const node of nodes) node.links.sql.rule(undefined);
      const rows = await books.check();
      t.diagnostic(`${JSON.stringify(counts)}; ${load.asked.length} requests: ${JSON.stringify(load.verify(rows.filter((row) => load.asked.some((one) => one.id === row.request_id))))}`);
      // Whose first slice met four such breaks in a row is told to come again.
      const failed = load.asked.filter((one) => one.status !== undefined && one.status !== 200);
      assert.ok(failed.every(({ status, error }) => status === 503 && error.includes("billing_unavailable")), JSON.stringify(failed[0]));
      assert.ok(failed.length <= load.asked.length / 50, `${failed.length} of ${load.asked.length} were refused`);
      await books.close();
      books = undefined;
    });
});
