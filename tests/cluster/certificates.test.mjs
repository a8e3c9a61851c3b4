// Certificates that are renewed by another authority while nodes run: new connections use the new files, nothing restarts.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chownSync, copyFileSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { stopLoads } from "../chaos/load.mjs";
import { startServer } from "../e2e/lib/databases.mjs";
import { eventually } from "../e2e/lib/gateway.mjs";
import { tempDir, removeDir } from "../e2e/lib/process.mjs";
import { makeCertificates, startRedis } from "../e2e/lib/redis.mjs";
import { Cluster } from "./lib/cluster.mjs";
import { before, begin, wholeAndExact } from "./lib/under_load.mjs";

/** Puts a file in the place of another at once, as a tool that renews certificates does; owner and mode stay. */
function renew(from, to) {
  const { uid, gid, mode } = statSync(to);
  copyFileSync(from, `${to}.new`);
  chownSync(`${to}.new`, uid, gid);
  execFileSync("chmod", [(mode & 0o777).toString(8), `${to}.new`]);
  renameSync(`${to}.new`, to);
}

describe("certificates renewed by another authority", { timeout: 300_000 }, () => {
  let cluster, dir;
  afterEach(async () => {
    await stopLoads();
    await cluster?.stop();
    if (dir) removeDir(dir);
    cluster = dir = undefined;
  });

  for (const kind of ["mysql", "postgres"])
    it(`chaos 51 of ${kind} and Redis, under load: once the nodes have the new authority's file, each new connection is made by it`, async (t) => {
      dir = tempDir("authorities");
      const server = await startServer(kind, { tls: { host: "localhost" } });
      const redis = await startRedis({ tls: true, password: "password-of-redis-cnry" });
      // The nodes have files of their own, as on machines of their own.
      const [sqlCa, redisCa] = [join(dir, "sql.pem"), join(dir, "redis.pem")];
      copyFileSync(server.ca, sqlCa);
      copyFileSync(redis.certificates.ca, redisCa);
      cluster = await Cluster.start({
        sql: server,
        redis,
        slaves: 1,
        env: { TOLLGATE_SQL_CA: sqlCa, TOLLGATE_REDIS_CA: redisCa, SQL_MAX_LIFETIME: "5" },
        entry: (_, database) =>
          server.dsn(database.name, { host: "localhost", params: kind === "mysql" ? "tls=custom" : `sslmode=verify-full&sslrootcert=${sqlCa}` }),
      });
      const since = await before(cluster);
      const load = await begin(cluster, 6, { brief: true });

      // Another authority: first the nodes trust both, then the servers show the new one's certificates, then it alone counts.
      const fresh = makeCertificates(dir);
      const both = (file, old) => {
        writeFileSync(`${file}.both`, readFileSync(old, "utf8") + readFileSync(fresh.ca, "utf8"));
        renameSync(`${file}.both`, file);
      };
      both(sqlCa, server.ca);
      both(redisCa, redis.certificates.ca);
      renew(fresh.cert, join(server.dir, "server.pem"));
      renew(fresh.key, join(server.dir, "server.key"));
      renew(fresh.ca, server.ca);
      await server.sql(kind === "mysql" ? "FLUSH SSL" : "SELECT pg_reload_conf()");
      const { ca } = redis.certificates;
      both(ca, ca);
      await redis.cli("CONFIG", "SET", "tls-cert-file", fresh.cert, "tls-key-file", fresh.key, "tls-ca-cert-file", ca);
      Object.assign(redis.certificates, { cert: fresh.cert, key: fresh.key }); // what redis-cli shows of itself
      renew(fresh.ca, sqlCa);
      renew(fresh.ca, redisCa);
      // Connections that were there end: those to the database by their age, those to Redis now.
      await redis.cli("CLIENT", "KILL", "TYPE", "normal");
      await redis.cli("CLIENT", "KILL", "TYPE", "pubsub");
      await sleep(8000);
      for (const node of cluster.nodes) {
        await eventually(async () => {
          const { redis: store, sql } = await node.health();
          return store?.connected !== false && JSON.stringify(sql ?? {}).indexOf("away\":true") < 0;
        }, `${node.name} is connected`);
        await eventually(async () => /certificates read again/.test(node.output()), `${node.name} has read them`);
        assert.doesNotMatch(node.output(), /certificate refused|certificate verify failed|SSL connection error/);
      }
      const admin = await cluster.login(cluster.nodes[1]);
      await admin.option("Notice", `renewed on ${kind}`);
      await eventually(async () => (await (await fetch(`${cluster.master.url}/api/notice`)).json()).data === `renewed on ${kind}`, "the change has come");
      t.diagnostic(`${await wholeAndExact(cluster, load, since)} requests`);
    });
});
