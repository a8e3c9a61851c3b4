// Names of servers that come to mean other addresses, or nothing at all for a while.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startFaultRelay } from "../e2e/lib/fault_relay.mjs";
import { canReplaceFiles, eventually } from "../e2e/lib/gateway.mjs";
import { freePort, removeDir, tempDir } from "../e2e/lib/process.mjs";
import { random, stopLoads } from "../chaos/load.mjs";
import { Books } from "./lib/books.mjs";
import { network } from "./lib/cluster.mjs";

const skip = canReplaceFiles() ? false : "mount namespaces need rights";

for (const sql of ["mysql", "postgres"])
  describe(`names of database and Redis, ${sql}`, { timeout: 300_000, skip }, () => {
    const databaseName = "database.tollgate.test";
    const redisName = "redis.tollgate.test";
    const address = network();
    let dir, hosts, books, gateway;
    const links = {}; // of "first" and "second": { sql, redis }
    const mean = (host) => writeFileSync(hosts, host ? `127.0.0.1 localhost\n${host} ${databaseName} ${redisName}\n` : "127.0.0.1 localhost\n");

    before(async () => {
      dir = tempDir("names");
      hosts = join(dir, "hosts");
      mean(address(201));
      books = await Books.open({
        sql,
        slaves: 0,
        hosts,
        env: async ({ server, database, redis }) => {
          const ports = { sql: await freePort(), redis: await freePort() };
          for (const [name, host] of [["first", address(201)], ["second", address(202)]])
            links[name] = {
              sql: await startFaultRelay(server.port, host, { port: ports.sql, target: "127.0.0.1" }),
              redis: await startFaultRelay(redis.port, host, { port: ports.redis, target: "127.0.0.1" }),
            };
          return {
            SQL_DSN: server.dsn(database.name, { host: databaseName, port: ports.sql }),
            REDIS_CONN_STRING: redis.url.replace(/[^@]*$/, `${redisName}:${ports.redis}`),
            SQL_MAX_LIFETIME: "5",
          };
        },
      });
      gateway = books.cluster.master;
    });
    afterEach(stopLoads);
    after(async () => {
      await books?.close();
      for (const { sql: one, redis } of Object.values(links)) {
        await one.stop();
        await redis.stop();
      }
      if (dir) removeDir(dir);
    });

    async function settle(load) {
      await load.stop();
      const odd = load.asked.filter((one) => !one.whole);
      assert.deepEqual(odd.map(({ number, status, error }) => ({ number, status, error })), [], `of ${load.asked.length}`);
      load.verify((await books.check()).filter((row) => load.asked.some((one) => one.id === row.request_id)));
    }
    const well = async () => {
      const { sql_reachable, redis, cluster } = await gateway.health();
      return sql_reachable && redis.connected && cluster.signals;
    };

    it("REQ-CL-10 a name that moves is followed: by the database's connections within their life, by Redis when it reconnects", async () => {
      assert.ok(links.first.sql.connections() > 0 && links.first.redis.connections() > 0);
      const load = books.load({ chance: random(10), brief: true });
      load.begin(4);
      mean(address(202));
      await eventually(() => links.first.sql.connections() === 0 && links.second.sql.connections() > 0, "the database is reached at its new place", 20_000);
      assert.ok(links.first.redis.connections() > 0, "a connection that lives is no reason to look");
      links.first.redis.cut();
      await eventually(() => links.first.redis.connections() === 0 && links.second.redis.connections() > 0, "so is Redis", 10_000);
      await eventually(well, "all is well", 10_000);
      await settle(load);
    });

    it("chaos 40 names that cannot be looked up: connections live, and new ones go where the name led last", async () => {
      const load = books.load({ chance: random(40), brief: true });
      load.begin(4);
      mean(undefined);
      const { sql: database, redis } = links.second;
      assert.ok(redis.connections() > 0);
      // All connections to the database are renewed meanwhile.
      await sleep(8000);
      assert.ok(database.connections() > 0);
      assert.ok(redis.connections() > 0);
      assert.ok(await well());
      assert.match(gateway.output(), /the name database\.tollgate\.test does not resolve; its last address is used/);
      for (const link of [database, redis]) {
        link.cut();
        await eventually(() => link.connections() > 0, "reconnected", 20_000);
      }
      await eventually(() => /Redis: the name redis\.tollgate\.test does not resolve/.test(gateway.output()), "it is said");
      await eventually(well, "all is well", 20_000);
      await settle(load);

      mean(address(201));
      await eventually(() => links.first.sql.connections() > 0 && database.connections() === 0, "once it resolves it is followed again", 30_000);
    });
  });
