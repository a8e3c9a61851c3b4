// Database servers as deployments have them: with TLS and an authority of their own, replicas, proxies in front, log
// databases apart; away, frozen, full of connections, read-only. Whatever happens, requests of known keys are answered
// and each is charged once.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startMariadb, startPostgres, startServer } from "../e2e/lib/databases.mjs";
import { Account, eventually, startGateway, startMock } from "../e2e/lib/gateway.mjs";
import { Program, freePort, removeDir, tempDir, tollgateProgram } from "../e2e/lib/process.mjs";
import { post } from "../e2e/lib/raw.mjs";
import { startMovingEntry } from "./lib/moving_entry.mjs";

const model = "gpt-4o-mini";
const messages = [{ role: "user", content: "Say hello" }];

/** A start that must fail: its exit code and last line. Not spawnSync: the server's own output must flow. */
async function failing(env, dir) {
  const program = new Program(tollgateProgram(), [], {
    cwd: dir,
    env: { PORT: String(await freePort()), TOLLGATE_DATA_DIR: dir, TOLLGATE_LOG_DIR: "-", TOLLGATE_START_WAIT: "1s", ...env },
  });
  const late = setTimeout(() => program.stop("SIGKILL"), 20_000);
  const status = await program.exit;
  clearTimeout(late);
  return { status, last: program.output.trim().split("\n").at(-1), output: program.output };
}

/** A gateway with an administrator, a channel and a key. */
async function installation(env, mock) {
  const gateway = await startGateway({ env });
  const admin = await Account.setup(gateway.url);
  await admin.channel({ base_url: mock.url, models: model });
  const { key } = await admin.token();
  const ask = () => post(`${gateway.url}/v1/chat/completions`, key, { model, messages });
  assert.equal((await ask()).status, 200);
  return { gateway, admin, key, ask };
}

/** Asks all the time from three clients until stopped; what was answered, by status. */
function load(ask) {
  const statuses = {};
  let going = true;
  const client = async () => {
    while (going) {
      const { status } = await ask();
      statuses[status] = (statuses[status] ?? 0) + 1;
      await sleep(20);
    }
  };
  const clients = [client(), client(), client()];
  return async () => {
    going = false;
    await Promise.all(clients);
    return statuses;
  };
}

/** Every answered request has one log row, one charge, one count. `log` is where the table logs is. */
async function exact({ admin }, main, answered, log = main) {
  await eventually(async () => {
    const [[rows]] = await log.sql("SELECT COUNT(*) FROM logs WHERE type = 2").catch(() => [[0]]); // not made yet
    return Number(rows) >= answered;
  }, "a log row for each answer", 60_000);
  await eventually(async () => {
    const [[count]] = await main.sql("SELECT request_count FROM users WHERE id = 1");
    return Number(count) >= answered;
  }, "a count for each answer", 60_000);
  const [[rows, distinct, sum]] = await log.sql("SELECT COUNT(*), COUNT(DISTINCT request_id), SUM(quota) FROM logs WHERE type = 2");
  const [[used, count]] = await main.sql("SELECT used_quota, request_count FROM users WHERE id = 1");
  assert.deepEqual([Number(rows), Number(distinct)], [answered, answered]);
  assert.deepEqual([Number(count), Number(used)], [answered, Number(sum)]);
  const [[quota]] = await main.sql("SELECT quota + COALESCE((SELECT SUM(amount) FROM tg_slices WHERE kind = 'user'), 0) FROM users WHERE id = 1");
  assert.ok(Number(quota) <= 100_000_000);
  await admin.call("GET", "/api/user/self");
}

describe("database servers", { timeout: 600_000 }, () => {
  let mock, dir;
  before(async () => {
    mock = await startMock({ keep: 0 });
    dir = tempDir("sql-servers");
  });
  after(async () => {
    await mock?.stop();
    if (dir) removeDir(dir);
  });

  it("REQ-CL-10 MariaDB that requires TLS by a private authority is reached, and no server that only resembles it", async () => {
    const server = await startMariadb({ tls: { host: "localhost" } });
    try {
      const { name } = await server.database();
      const dsn = (host, params) => server.dsn(name, { host, params });
      const { gateway } = await installation({ SQL_DSN: dsn("localhost", "tls=custom"), TOLLGATE_SQL_CA: server.ca }, mock);
      await gateway.stop();
      const other = await failing({ SQL_DSN: dsn("127.0.0.1", "tls=custom"), TOLLGATE_SQL_CA: server.ca }, dir);
      assert.equal(other.status, 78, other.output);
      assert.match(other.last, /^FATAL 78 SQL_DSN: /);
      assert.equal((await failing({ SQL_DSN: dsn("localhost", "tls=true") }, dir)).status, 78, "an unknown authority");
      const plain = await failing({ SQL_DSN: dsn("localhost", "") }, dir);
      assert.notEqual(plain.status, 0, "the server refuses what is not encrypted");
      const unverified = await startGateway({ env: { SQL_DSN: dsn("127.0.0.1", "tls=skip-verify") } });
      await unverified.stop();
    } finally {
      await server.stop();
    }
  });

  it("REQ-CL-10 PostgreSQL by sslmode=verify-full, too", async () => {
    const server = await startPostgres({ tls: { host: "localhost" } });
    try {
      const { name } = await server.database();
      const params = `sslmode=verify-full&sslrootcert=${server.ca}`;
      const gateway = await startGateway({ env: { SQL_DSN: server.dsn(name, { host: "localhost", params }) } });
      await gateway.stop();
      const other = await failing({ SQL_DSN: server.dsn(name, { params }) }, dir);
      assert.equal(other.status, 69, other.output);
      assert.match(other.last, /^FATAL 69 SQL_DSN: /);
    } finally {
      await server.stop();
    }
  });

  for (const kind of ["mysql", "postgres"]) {
    describe(`on ${kind}`, () => {
      let server, database, node;
      before(async () => {
        server = await startServer(kind);
        database = await server.database();
        node = await installation({ SQL_DSN: database.dsn, TOLLGATE_SQL_TIMEOUT: "2s", TOLLGATE_SQL_CONNECT_TIMEOUT: "2s" }, mock);
      });
      after(async () => {
        await node?.gateway.stop();
        await server?.stop();
      });

      it("REQ-CL-17 a start says what is wrong with the database, without its password", async () => {
        const missing = server.dsn("not-there");
        const refused = await failing({ SQL_DSN: missing }, dir);
        assert.equal(refused.status, 69);
        assert.match(refused.last, /^FATAL 69 SQL_DSN: database "not-there" does not exist on 127\.0\.0\.1:\d+; create it with: CREATE DATABASE .not-there./);
        const made = await startGateway({ env: { SQL_DSN: missing, TOLLGATE_CREATE_DATABASE: "true" } });
        await made.stop();
        const wrong = await failing({ SQL_DSN: server.dsn(database.name, { password: "CANARY" }) }, dir);
        assert.equal(wrong.status, 78);
        assert.match(wrong.last, /^FATAL 78 SQL_DSN: .*; check user and password/);
        assert.doesNotMatch(wrong.output, /CANARY/);
        const closed = await failing({ SQL_DSN: server.dsn(database.name, { port: await freePort() }) }, dir);
        assert.equal(closed.status, 69);
      });

      it("REQ-CL-12 chaos 20: killed under load and back after seconds, no request of a known key fails, each is charged once", async () => {
        const stop = load(node.ask);
        await sleep(1000);
        await server.kill();
        await sleep(4000);
        await server.restart();
        await sleep(2000);
        const statuses = await stop();
        assert.deepEqual(Object.keys(statuses), ["200"], JSON.stringify(statuses));
        node.answered = (node.answered ?? 1) + statuses[200];
        await exact(node, database, node.answered);
      });

      it("chaos 23: frozen for seconds, requests go on and nothing piles up", async () => {
        const stop = load(node.ask);
        await sleep(500);
        server.freeze();
        await sleep(8000);
        server.thaw();
        await sleep(2000);
        const statuses = await stop();
        assert.deepEqual(Object.keys(statuses), ["200"], JSON.stringify(statuses));
        node.answered += statuses[200];
        await exact(node, database, node.answered);
      });

      it("chaos 26: a client that locks rows in the reverse order costs repetitions, not money", async () => {
        const stop = load(node.ask);
        const begin = kind === "mysql" ? "START TRANSACTION" : "BEGIN";
        const nap = kind === "mysql" ? "SELECT SLEEP(0.2)" : "SELECT pg_sleep(0.2)";
        for (let i = 0; i < 5; ++i)
          await database
            .sql(`${begin}; UPDATE tokens SET name = 'e2e' WHERE id = 1; ${nap}; UPDATE users SET remark = '${i}' WHERE id = 1; ${nap}; COMMIT`)
            .catch(() => {}); // it may be the one that is rolled back
        const statuses = await stop();
        assert.deepEqual(Object.keys(statuses), ["200"], JSON.stringify(statuses));
        node.answered += statuses[200];
        await exact(node, database, node.answered);
      });

      it("REQ-CL-36 the log database is away for a while and at a start: requests go on, each log row comes once", async () => {
        const logs = await startServer(kind);
        let apart;
        try {
          const main = await server.database();
          const log = await logs.database("new_api_logs");
          await logs.kill();
          apart = await installation({ SQL_DSN: main.dsn, LOG_SQL_DSN: log.dsn }, mock);
          await logs.restart();
          let stop = load(apart.ask);
          await sleep(1000);
          await logs.kill();
          await sleep(5000);
          await logs.restart();
          await sleep(500);
          const statuses = await stop();
          assert.deepEqual(Object.keys(statuses), ["200"], JSON.stringify(statuses));
          await exact(apart, main, 1 + statuses[200], log);
          const [[unused]] = await main.sql("SELECT COUNT(*) FROM logs WHERE type = 2");
          assert.equal(Number(unused), 0);
          const page = await apart.admin.call("GET", "/api/log/?p=1&page_size=10&type=2");
          assert.equal(page.total, 1 + statuses[200]);
        } finally {
          await apart?.gateway.stop();
          await logs.stop();
        }
      });
    });
  }

  it("REQ-CL-11 a replica given by mistake is named as one", async () => {
    const server = await startMariadb();
    const standby = await startPostgres({ args: ["-c", "default_transaction_read_only=on"] });
    try {
      const database = await server.database();
      await server.sql("SET GLOBAL read_only = 1");
      for (const dsn of [database.dsn, standby.dsn("postgres")]) {
        const refused = await failing({ SQL_DSN: dsn }, dir);
        assert.equal(refused.status, 69, refused.output);
        assert.match(refused.last, /^FATAL 69 SQL_DSN: the server at 127\.0\.0\.1:\d+ is read-only \(a replica\?\); /);
      }
    } finally {
      await server.stop();
      await standby.stop();
    }
  });

  it("REQ-CL-17 a schema that cannot hold every text is refused with the statement that mends it", async () => {
    const server = await startMariadb();
    try {
      await server.sql("CREATE DATABASE old CHARACTER SET latin1");
      const refused = await failing({ SQL_DSN: server.dsn("old") }, dir);
      assert.equal(refused.status, 78);
      assert.match(refused.last, /run: ALTER DATABASE `old` CHARACTER SET utf8mb4/);
    } finally {
      await server.stop();
    }
  });

  it("chaos 21: a server that turns read-only is waited for, and writes go on when it takes them again", async () => {
    const server = await startMariadb();
    let node;
    try {
      const database = await server.database();
      // Users of an application have no right to write past read_only.
      await server.sql(`CREATE USER 'app'@'%' IDENTIFIED BY 'app-password'; GRANT ALL ON \`${database.name}\`.* TO 'app'@'%';
        CREATE USER 'app'@'127.0.0.1' IDENTIFIED BY 'app-password'; GRANT ALL ON \`${database.name}\`.* TO 'app'@'127.0.0.1'`);
      node = await installation({ SQL_DSN: server.dsn(database.name, { user: "app", password: "app-password" }) }, mock);
      const stop = load(node.ask);
      await sleep(500);
      await server.sql("SET GLOBAL read_only = 1");
      const changed = node.admin.option("Notice", "written while nothing could be");
      await sleep(2500);
      await server.sql("SET GLOBAL read_only = 0");
      await changed;
      const statuses = await stop();
      assert.deepEqual(Object.keys(statuses), ["200"], JSON.stringify(statuses));
      await exact(node, database, 1 + statuses[200]);
    } finally {
      await node?.gateway.stop();
      await server.stop();
    }
  });

  it("chaos 24: a server with few connections left is worked with by fewer", async () => {
    const server = await startPostgres({ args: ["-c", "max_connections=10"] });
    let node;
    try {
      const database = await server.database();
      node = await installation({ SQL_DSN: database.dsn, SQL_MAX_OPEN_CONNS: "32" }, mock);
      const stop = load(node.ask);
      const readers = Array.from({ length: 40 }, () => node.admin.call("GET", "/api/log/?p=1&page_size=10"));
      const read = await Promise.allSettled(readers);
      assert.ok(read.some(({ status }) => status === "fulfilled"));
      const statuses = await stop();
      assert.deepEqual(Object.keys(statuses), ["200"], JSON.stringify(statuses));
      await eventually(async () => {
        const [[rows]] = await database.sql("SELECT COUNT(*) FROM logs WHERE type = 2").catch(() => [[0]]);
        return Number(rows) === 1 + statuses[200];
      }, "each row once", 30_000);
    } finally {
      await node?.gateway.stop();
      await server.stop();
    }
  });

  it("REQ-CL-12 chaos 20: HAProxy before a primary that is killed and a replica that is promoted", async () => {
    const primary = await startMariadb({ args: ["--server-id=1", "--log-bin=log", "--gtid-strict-mode=1", "--sync-binlog=0"] });
    const replica = await startMariadb({ args: ["--server-id=2", "--log-bin=log", "--log-slave-updates=1", "--read-only=1"] });
    let node, entry;
    try {
      await replica.sql(`CHANGE MASTER TO master_host='127.0.0.1', master_port=${primary.port}, master_user='root',
        master_password='${primary.password}', master_use_gtid=slave_pos; START SLAVE`);
      const database = await primary.database();
      replica.password = primary.password; // the users came over, too
      entry = await startMovingEntry();
      const { lead } = entry;
      await lead(primary);
      await eventually(() => replica.sql("SELECT 1", database.name).then(() => true, () => false), "the replica has the database");
      node = await installation({ SQL_DSN: primary.dsn(database.name, { port: entry.port }) }, mock);
      const stop = load(node.ask);
      await sleep(2000);
      await primary.kill();
      await sleep(500);
      await replica.sql("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = 0");
      await lead(replica);
      const promoted = Date.now();
      await eventually(async () => {
        const [[busy]] = await replica.sql(`SELECT COUNT(*) FROM information_schema.processlist WHERE db = '${database.name}' AND user = 'root'`);
        return Number(busy) > 0;
      }, "the node has found the new primary", 5000);
      assert.ok(Date.now() - promoted < 5000);
      await sleep(1500);
      const statuses = await stop();
      assert.deepEqual(Object.keys(statuses), ["200"], JSON.stringify(statuses));
      const now = { dsn: database.dsn, sql: (text) => replica.sql(text, database.name) };
      await exact(node, now, 1 + statuses[200]);
    } finally {
      await node?.gateway.stop();
      await entry?.stop();
      await primary.stop();
      await replica.stop();
    }
  });
});
