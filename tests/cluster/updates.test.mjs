// Updates to a release whose schema is one step further, and migrations that are cut short: nodes of both releases work
// side by side on one database, nothing is dropped, and nobody notices.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, afterEach, before as beforeAll, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { stopLoads } from "../chaos/load.mjs";
import { startServer } from "../e2e/lib/databases.mjs";
import { adminToken, eventually, startGateway } from "../e2e/lib/gateway.mjs";
import { Program, nextProgram, removeDir, tempDir, tollgateProgram } from "../e2e/lib/process.mjs";
import { Cluster, network } from "./lib/cluster.mjs";
import { before, begin, wholeAndExact } from "./lib/under_load.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const operator = { Authorization: `Bearer ${adminToken}` };

/** Names of all columns and indexes. */
async function schemaOf(server, database) {
  const mysql = server.kind === "mysql";
  const where = mysql ? "DATABASE()" : "current_schema()";
  const columns = await database.sql(`SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = ${where}`);
  const indexes = await database.sql(
    mysql
      ? `SELECT DISTINCT table_name, index_name FROM information_schema.statistics WHERE table_schema = ${where}`
      : `SELECT tablename, indexname FROM pg_indexes WHERE schemaname = ${where}`,
  );
  return new Set([...columns, ...indexes].map((row) => row.join(".")));
}

describe("an update by one schema step", { timeout: 400_000 }, () => {
  let cluster, old;
  const version = async () => Number((await cluster.database.sql("SELECT MAX(version) FROM tg_schema"))[0][0]);
  beforeAll(async () => {
    cluster = await Cluster.start({ front: true, env: { SYNC_FREQUENCY: "600" } });
    old = await schemaOf(cluster.server, cluster.database);
  });
  after(async () => {
    await stopLoads();
    await cluster?.stop();
  });
  afterEach(stopLoads);

  /** Replaces the build of a node as the guide says: stop, replace, start, wait, next. */
  async function replace(node, path) {
    await node.stop(60_000);
    node.path = path;
    await cluster.restart(node);
    await eventually(async () => (await fetch(`${node.url}/readyz`)).ok, `${node.name} is ready`);
    // nginx takes a node that refused a connection out for 10 s (fail_timeout), and "no live upstreams" is its own 502.
    await sleep(10_500);
  }

  /** What a client may ask for, as the node knows it; nodes poll every ten minutes, so a change came by its signal. */
  async function models(node) {
    const answer = await fetch(`${node.url}/v1/models`, { headers: { Authorization: `Bearer ${cluster.key}` } });
    return (await answer.json()).data.map(({ id }) => id);
  }

  /** On each node a channel with a model of its own is made and an option set, and all nodes know. */
  async function changedEverywhere(round) {
    for (const node of cluster.nodes) {
      const admin = await cluster.login(node);
      const model = `model-${round}-of-${node.name}`;
      await admin.channel({ base_url: cluster.mock.url, models: model });
      await admin.option("Notice", model);
      for (const other of cluster.nodes) {
        await eventually(async () => (await models(other)).includes(model), `${other.name} knows the channel made on ${node.name}`);
        await eventually(async () => {
          const { data } = await (await fetch(`${other.url}/api/notice`)).json();
          return data === model;
        }, `${other.name} knows the option set on ${node.name}`);
      }
    }
    await eventually(async () => {
      const answer = await fetch(`${cluster.master.url}/api/tollgate/cluster`, { headers: operator });
      const { nodes } = (await answer.json()).data;
      return new Set(nodes.map(({ epoch }) => epoch)).size === 1;
    }, "all rows name the same version", 40_000);
  }

  it("REQ-CL-41 G2 G5 chaos 48: slaves first, then the master, under load: no failed request, no cut answer; both builds take and see changes", async (t) => {
    const since = await before(cluster);
    const load = await begin(cluster, 8);
    assert.equal(await version(), 1);
    await replace(cluster.nodes[1], nextProgram());
    await replace(cluster.nodes[2], nextProgram());
    assert.equal(await version(), 1, "slaves do not migrate");
    assert.deepEqual(await schemaOf(cluster.server, cluster.database), old);
    await changedEverywhere("mixed");
    await replace(cluster.master, nextProgram());
    assert.equal(await version(), 2);
    const now = await schemaOf(cluster.server, cluster.database);
    assert.deepEqual([...old].filter((name) => !now.has(name)), [], "nothing is dropped");
    for (const name of ["channels.tg_next", "logs.tg_next", "logs.idx_tg_next", "tg_next.id"]) assert.ok(now.has(name), name);
    await changedEverywhere("new");
    t.diagnostic(`${await wholeAndExact(cluster, load, since)} requests`);
  });

  it("REQ-CL-41 G2 and back again: the older release runs on the schema of the newer, beside it and alone", async (t) => {
    const since = await before(cluster);
    const load = await begin(cluster, 8);
    await replace(cluster.master, tollgateProgram());
    await changedEverywhere("back");
    for (const node of cluster.slaves) await replace(node, tollgateProgram());
    await changedEverywhere("old");
    assert.equal(await version(), 2);
    assert.ok((await schemaOf(cluster.server, cluster.database)).has("logs.tg_next"));
    t.diagnostic(`${await wholeAndExact(cluster, load, since)} requests`);
  });

  it("REQ-CL-41 G2 a new master first, by mistake: the schema gets its step, old slaves go on", async (t) => {
    for (const statement of ["ALTER TABLE channels DROP tg_next", "ALTER TABLE logs DROP tg_next", "DROP TABLE tg_next", "DELETE FROM tg_schema WHERE version = 2"])
      await cluster.database.sql(statement);
    const since = await before(cluster);
    const load = await begin(cluster, 8);
    await replace(cluster.master, nextProgram());
    assert.equal(await version(), 2);
    await changedEverywhere("ahead");
    t.diagnostic(`${await wholeAndExact(cluster, load, since)} requests`);
  });

  it("REQ-CL-41 two steps are too many: the node names what it takes and ends with 78", async () => {
    await cluster.database.sql("INSERT INTO tg_schema (version, name) VALUES (3, 'of a release after the next')");
    const dir = tempDir("too-old");
    const program = new Program(tollgateProgram(), [], {
      cwd: dir,
      env: { TOLLGATE_LISTEN: `${network()(1)}:3000`, TOLLGATE_DATA_DIR: dir, TOLLGATE_LOG_DIR: "-", TOLLGATE_WORKERS: "1", ...cluster.env },
    });
    try {
      assert.equal(await program.exit, 78, program.output);
      assert.match(program.output, /FATAL 78 schema: the schema has version 3, this build takes 1 to 2; use the release that the other nodes run/);
    } finally {
      await program.stop("SIGKILL");
      removeDir(dir);
      await cluster.database.sql("DELETE FROM tg_schema WHERE version = 3");
    }
  });
});

for (const kind of ["mysql", "postgres"]) {
  describe(`a migration that is cut short on ${kind}`, { timeout: 180_000 }, () => {
    const parts = [];
    let server;
    afterEach(async () => {
      for (const stop of parts.splice(0).reverse()) await stop();
    });

    it("chaos 49 G2: the master is killed half way; slaves wait; the next master completes it, and both serve", async () => {
      server = await startServer(kind);
      parts.push(() => server.stop());
      const database = await server.database();
      // An installation of New API from before its logs had these.
      await database.sql(readFileSync(join(here, "february_2026", `${kind}.sql`), "utf8"));
      await database.sql("ALTER TABLE logs DROP COLUMN other");
      await database.sql("ALTER TABLE logs DROP COLUMN ip");
      const rows = "INSERT INTO logs (user_id, created_at, type, content) VALUES (1, 1760000000, 2, 'kept')";
      await database.sql(rows);
      const given = await schemaOf(server, database);

      // Somebody reads the table in a transaction: its definition cannot change before that ends.
      const { command, env } = database.client();
      const reader = spawn(command[0], command.slice(1), { env: { PATH: process.env.PATH, ...env } });
      parts.push(() => reader.kill("SIGKILL"));
      reader.stdin.write("BEGIN;\nSELECT COUNT(*) FROM logs;\n");
      await new Promise((done) => reader.stdout.once("data", done));

      const address = network();
      const settings = (host) => ({
        SQL_DSN: database.dsn,
        SESSION_SECRET: "a session secret of one cluster",
        CRYPTO_SECRET: "a crypto secret of one cluster",
        TOLLGATE_LISTEN: `${host}:3000`,
        TOLLGATE_WORKERS: "1",
      });
      const dir = tempDir("killed");
      parts.push(() => removeDir(dir));
      const killed = new Program(tollgateProgram(), [], {
        cwd: dir,
        env: { ...settings(address(1)), TOLLGATE_DATA_DIR: dir, TOLLGATE_LOG_DIR: "-" },
      });
      parts.push(() => killed.stop("SIGKILL"));
      const waiting = kind === "mysql"
        ? `SELECT info FROM information_schema.processlist WHERE db = '${database.name}' AND state LIKE '%metadata lock%'`
        : `SELECT query FROM pg_stat_activity WHERE datname = '${database.name}' AND wait_event_type = 'Lock'`;
      const [[statement]] = await eventually(async () => {
        const found = await server.sql(waiting);
        return found.length > 0 && found;
      }, "the migration waits for the table", 30_000);
      assert.match(statement, /^ALTER TABLE .logs./);
      const halfWay = await schemaOf(server, database);
      assert.ok(!halfWay.has("tg_nodes.node_id"), "it was over already");

      const slave = startGateway({ host: address(2), port: 3000, wait: 90_000, env: { ...settings(address(2)), NODE_TYPE: "slave" } });
      slave.catch(() => {}); // looked at below
      await sleep(2000);
      await assert.rejects(fetch(`http://${address(2)}:3000/api/status`), "a slave does not serve before there is a schema");
      await killed.stop("SIGKILL");
      await sleep(500);
      await assert.rejects(fetch(`http://${address(2)}:3000/api/status`));
      const next = startGateway({ host: address(3), port: 3000, wait: 90_000, env: settings(address(3)) });
      next.catch(() => {});
      await sleep(3000);
      reader.stdin.end("COMMIT;\n");
      for (const starting of [next, slave]) {
        const gateway = await starting;
        parts.push(() => gateway.stop());
        assert.ok((await fetch(`${gateway.url}/readyz`)).ok);
      }
      const now = await schemaOf(server, database);
      assert.deepEqual([...given].filter((name) => !now.has(name)), [], "nothing is dropped");
      for (const name of ["logs.other", "logs.ip", "tg_nodes.node_id"]) assert.ok(now.has(name), name);
      assert.deepEqual(await database.sql("SELECT version FROM tg_schema"), [["1"]]);
      assert.deepEqual(await database.sql("SELECT content FROM logs"), [["kept"]]);
    });
  });
}
