// Databases behind proxies that share connections among clients: what a session was told may be forgotten, and reads may
// come from a replica that is behind.
import assert from "node:assert/strict";
import { chownSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { stopLoads } from "../chaos/load.mjs";
import { startMariadb } from "../e2e/lib/databases.mjs";
import { eventually } from "../e2e/lib/gateway.mjs";
import { Program, freePort, removeDir, tempDir } from "../e2e/lib/process.mjs";
import { Cluster } from "./lib/cluster.mjs";
import { startSplitProxy } from "./lib/split_proxy.mjs";
import { before, begin, wholeAndExact } from "./lib/under_load.mjs";

/** PgBouncer before a server, in the given mode, with few connections to it. */
async function startPgbouncer(server, mode, { size = 5 } = {}) {
  const dir = tempDir("pgbouncer");
  const port = await freePort();
  const file = join(dir, "pgbouncer.ini");
  writeFileSync(join(dir, "users"), `"root" "${server.password}"\n`);
  writeFileSync(
    file,
    `[databases]
* = host=${server.host} port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${dir}/users
admin_users = root
pool_mode = ${mode}
default_pool_size = ${size}
max_client_conn = 300
server_login_retry = 1
`,
  );
  // It refuses to run as root.
  const other = process.getuid() === 0;
  if (other) {
    const [, , uid, gid] = execFileSync("getent", ["passwd", "postgres"], { encoding: "utf8" }).split(":");
    for (const path of [dir, file, join(dir, "users")]) chownSync(path, Number(uid), Number(gid));
  }
  const bouncer = { port, dir };
  bouncer.start = async () => {
    const prefix = other ? ["--reuid=postgres", "--regid=postgres", "--clear-groups", "pgbouncer"] : [];
    bouncer.program = new Program(other ? "setpriv" : "pgbouncer", [...prefix, file], { cwd: dir });
    await bouncer.program.until((out) => /process up/.test(out), "pgbouncer");
  };
  bouncer.kill = () => bouncer.program.stop("SIGKILL");
  bouncer.stop = async () => {
    await bouncer.kill();
    removeDir(dir);
  };
  await bouncer.start();
  return bouncer;
}

/** On each node a key is made and used on another at once, and a setting is changed and read there. */
async function freshEverywhere(cluster) {
  for (const [i, node] of cluster.nodes.entries()) {
    const other = cluster.nodes[(i + 1) % cluster.nodes.length];
    const admin = await cluster.login(node);
    const { key } = await admin.token({ name: `made on ${node.name}` });
    const answer = await fetch(`${other.url}/v1/models`, { headers: { Authorization: `Bearer ${key}` } });
    assert.equal(answer.status, 200, `${other.name} does not know the key that ${node.name} made`);
    await answer.text();
    await admin.option("Notice", `written on ${node.name}`);
    await eventually(async () => {
      const { data } = await (await fetch(`${other.url}/api/notice`)).json();
      return data === `written on ${node.name}`;
    }, `${other.name} knows the option set on ${node.name}`);
  }
}

describe("proxies before the database", { timeout: 400_000 }, () => {
  let cluster;
  const parts = [];
  afterEach(async () => {
    await stopLoads();
    await cluster?.stop();
    cluster = undefined;
    for (const stop of parts.splice(0).reverse()) await stop();
  });

  for (const mode of ["session", "transaction"])
    it(`REQ-CL-12 PgBouncer in ${mode} mode, killed under load and back: every request is answered and charged once`, async (t) => {
      // Each client keeps its connection in session mode, so that there must be one for each.
      const size = mode === "session" ? 40 : 5;
      let bouncer;
      cluster = await Cluster.start({
        sql: "postgres",
        front: true,
        env: { SYNC_FREQUENCY: "600", SQL_MAX_OPEN_CONNS: "10" },
        entry: async (server, database) => {
          bouncer = await startPgbouncer(server, mode, { size });
          parts.push(() => bouncer.stop());
          return server.dsn(database.name, { port: bouncer.port });
        },
      });
      const since = await before(cluster);
      const load = await begin(cluster, 8);
      await freshEverywhere(cluster);
      await sleep(2000);
      const [[shared]] = await cluster.server.sql(
        `SELECT COUNT(*) FROM pg_stat_activity WHERE datname = '${cluster.database.name}' AND application_name NOT LIKE 'psql%'`);
      if (mode === "transaction") assert.ok(Number(shared) <= size, `${shared} connections`);
      await bouncer.kill();
      await sleep(2000);
      await bouncer.start();
      await sleep(2000);
      await freshEverywhere(cluster);
      t.diagnostic(`${await wholeAndExact(cluster, load, since)} requests over ${shared} connections`);
      for (const node of cluster.nodes) assert.doesNotMatch(node.output(), /prepared statement/);
    });

  it("REQ-CL-12 a proxy that splits reads and keeps no session, with a replica two seconds behind: nothing stale is acted on, each request is charged once", async (t) => {
    const primary = await startMariadb({ args: ["--server-id=1", "--log-bin=log", "--sync-binlog=0"] });
    const replica = await startMariadb({ args: ["--server-id=2", "--read-only=1"] });
    parts.push(() => replica.stop());
    await replica.sql(`CHANGE MASTER TO master_host='127.0.0.1', master_port=${primary.port}, master_user='root',
      master_password='${primary.password}', master_use_gtid=slave_pos, master_delay=2; START SLAVE`);
    let proxy;
    cluster = await Cluster.start({
      sql: primary,
      front: true,
      env: { SYNC_FREQUENCY: "5" },
      entry: async (server, database) => {
        // The users come over, too.
        const there = { ...replica, host: replica.host, port: replica.port, password: primary.password };
        replica.password = primary.password;
        await eventually(() => replica.sql("SELECT 1", database.name).then(() => true, () => false), "the replica has the database", 30_000);
        proxy = await startSplitProxy(primary, there, database.name);
        parts.push(() => proxy.stop());
        return server.dsn(database.name, { port: proxy.port });
      },
    });
    const since = await before(cluster);
    const load = await begin(cluster, 8);
    await freshEverywhere(cluster);
    await sleep(3000);
    proxy.busy(true);
    await sleep(3000);
    proxy.busy(false);
    await sleep(2000);
    await freshEverywhere(cluster);
    assert.ok(proxy.counts.refused > 0, "nothing was asked while there was no primary");
    t.diagnostic(`${await wholeAndExact(cluster, load, since)} requests; statements: ${JSON.stringify(proxy.counts)}`);
  });
});
