// A cluster grows, shrinks and spreads out: what an idle slave costs, what a node leaves behind that goes for good, and a
// node far from the database.
import assert from "node:assert/strict";
import { after, afterEach, before as beforeAll, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { stopLoads } from "../chaos/load.mjs";
import { startFaultRelay } from "../e2e/lib/fault_relay.mjs";
import { adminToken, eventually } from "../e2e/lib/gateway.mjs";
import { Program } from "../e2e/lib/process.mjs";
import { Books } from "./lib/books.mjs";
import { Cluster } from "./lib/cluster.mjs";

const operator = { Authorization: `Bearer ${adminToken}` };
const view = async (node) =>
  (await (await fetch(`${node.url}/api/tollgate/cluster`, { headers: operator })).json()).data;

describe("an idle slave", { timeout: 360_000 }, () => {
  let cluster, slave;
  beforeAll(async () => {
    cluster = await Cluster.start({ slaves: 0 });
    const { server, database } = cluster;
    // A user of its own, by which its statements are told from others.
    for (const host of ["%", "127.0.0.1"])
      await server.sql(`CREATE USER 'idle'@'${host}' IDENTIFIED BY 'password-of-idle'; GRANT ALL ON \`${database.name}\`.* TO 'idle'@'${host}'`);
    slave = await cluster.add({ NODE_TYPE: "slave", SQL_DSN: server.dsn(database.name, { user: "idle", password: "password-of-idle" }) });
    await eventually(() => cluster.knows(slave), "it knows the channel");
  });
  after(() => cluster?.stop());

  it("REQ-CL-07 asks the database at most 15 times a minute: for the registry, for changes, and for no job", async (t) => {
    const { server, redis } = cluster;
    const clients = (await redis.cli("CLIENT", "LIST")).split("\n").filter((line) => line.includes(`name=tollgate:${slave.name}`));
    const addresses = clients.map((line) => / addr=(\S+)/.exec(line)[1]);
    assert.ok(addresses.length > 0);
    await sleep(5000); // what its start and its first questions left to do
    const monitor = new Program("redis-cli", ["-p", String(redis.port), ...redis.auth, "--no-auth-warning", "MONITOR"]);
    await monitor.until((out) => out.includes("OK"), "MONITOR");
    await server.sql("SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = ON");
    await sleep(60_000);
    await server.sql("SET GLOBAL general_log = OFF");
    await monitor.stop("SIGKILL");
    const asked = await server.sql("SELECT REPLACE(argument, CHAR(10), ' ') FROM mysql.general_log WHERE user_host LIKE 'idle%' AND command_type = 'Query'");
    const statements = asked.map(([text]) => text.slice(0, 90));
    const commands = monitor.output.split("\n").filter((line) => addresses.some((address) => line.includes(` ${address}]`)));
    t.diagnostic(`${statements.length} statements and ${commands.length} commands of Redis a minute`);
    assert.ok(statements.length > 0, "its statements were not seen");
    const registry = statements.filter((text) => /tg_nodes/.test(text) || /SELECT node_id/.test(text)).length;
    const changes = statements.filter((text) => /tg_versions|FROM options|SELECT id, type/.test(text)).length;
    t.diagnostic(`${registry} for the registry, ${changes} for changes`);
    assert.ok(registry >= 5 && changes >= 1, statements.join("\n"));
    assert.ok(changes <= 3, statements.join("\n"));
    assert.ok(statements.length <= 15, statements.join("\n"));
    assert.deepEqual(statements.filter((text) => text.includes("tg_leases")), [], "it asks for no job");
    const [[me]] = await cluster.database.sql(`SELECT node_id FROM tg_nodes WHERE role = 'master'`);
    const holders = await cluster.database.sql("SELECT DISTINCT holder FROM tg_leases WHERE expires_at > 0");
    assert.deepEqual(holders, [[me]]);
  });

  it("REQ-CL-07 answers everything itself while the master is frozen", async () => {
    const admin = await cluster.login(slave);
    process.kill(cluster.master.pid, "SIGSTOP");
    try {
      for (const path of ["/api/log/?p=1&page_size=10", "/api/channel/?p=1&page_size=10", "/api/token/?p=1&page_size=10", "/api/user/self", "/api/data/"])
        await admin.call("GET", path);
      for (let i = 0; i < 20; ++i) assert.ok(await cluster.serves(slave));
      assert.ok((await fetch(`${slave.url}/readyz`)).ok);
    } finally {
      process.kill(cluster.master.pid, "SIGCONT");
    }
  });
});

describe("scaling down", { timeout: 240_000 }, () => {
  let books;
  afterEach(async () => {
    await books?.close();
    books = undefined;
  });

  it("REQ-CL-38 a node is drained and removed under load: it ends what it has, owes nothing, holds nothing, and is remembered as gone", async () => {
    books = await Books.open({});
    const { cluster } = books;
    const leaver = cluster.nodes[2];
    const before = new Set((await books.check()).map((row) => row.request_id));
    const load = books.load({});
    load.begin(12);
    await sleep(3000);
    const id = (await leaver.health()).cluster.node;
    const held = await cluster.database.sql(`SELECT SUM(amount) FROM tg_slices WHERE node_id = '${id}'`);
    assert.ok(Number(held[0][0]) > 0, "it holds slices of accounts");
    // The balancer's list is shortened, then the node is stopped; what it runs it ends.
    books.dead.add(leaver);
    await leaver.stop(60_000);
    assert.equal(await leaver.exited, 0);
    assert.deepEqual(await cluster.database.sql(`SELECT * FROM tg_slices WHERE node_id = '${id}'`), []);
    const [[state, last]] = await cluster.database.sql(`SELECT state, journal_last_seq FROM tg_nodes WHERE node_id = '${id}'`);
    assert.equal(state, "left");
    const marks = await cluster.database.sql(`SELECT consumer, seq FROM tg_marks WHERE node_id = '${id}' ORDER BY consumer`);
    assert.deepEqual(marks, ["log", "main", "stat"].map((consumer) => [consumer, last]), "every charge of it is in the database");
    await sleep(2000);
    await load.stop();
    const broken = load.asked.filter((one) => !one.whole && !one.refused);
    assert.deepEqual(broken, []);
    load.verify((await books.check()).filter((row) => !before.has(row.request_id)));
    const { nodes } = await view(cluster.master);
    const gone = nodes.find((node) => node.id === id || node.node_id === id);
    assert.equal(gone?.state, "left", JSON.stringify(nodes));
    const ready = await eventually(async () => (await cluster.master.health()).cluster.ready_nodes === 2, "the others count two nodes");
    assert.ok(ready);
  });
});

describe("a node far away", { timeout: 240_000 }, () => {
  let cluster;
  const relays = [];
  after(async () => {
    await stopLoads();
    await cluster?.stop();
    for (const relay of relays) await relay.stop();
  });

  it("REQ-CL-43 150 ± 20 ms from database and Redis: a warm request waits for neither, its rows name the region, changes arrive, the books agree", async (t) => {
    cluster = await Cluster.start({ slaves: 0, env: { TOLLGATE_REGION: "near" } });
    const { server, database, redis, admin } = cluster;
    const sql = await startFaultRelay(server.port);
    const store = await startFaultRelay(redis.port);
    relays.push(sql, store);
    for (const relay of relays) relay.delay(75, 10); // each way
    const far = await cluster.add({
      NODE_TYPE: "slave",
      TOLLGATE_REGION: "far",
      TOLLGATE_ZONE: "b",
      SQL_DSN: server.dsn(database.name, { port: sql.port }),
      REDIS_CONN_STRING: redis.url.replace(`:${redis.port}`, `:${store.port}`),
    });
    await eventually(() => cluster.knows(far), "it knows the channel", 20_000);
    const nodes = await eventually(async () => {
      const { nodes: seen } = await view(cluster.master);
      return seen.length === 2 && seen;
    }, "the master lists both", 30_000);
    assert.deepEqual(nodes.map(({ name, region, zone }) => [name, region, zone]).sort(), [["master", "near", ""], ["node2", "far", "b"]]);

    const ask = async (node, key) => {
      const began = performance.now();
      const answer = await fetch(`${node.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
        body: JSON.stringify({ model: "gpt-4o-mini", max_tokens: 5, messages: [{ role: "user", content: "[[mock usage=20:3]] hello" }] }),
      });
      assert.equal(answer.status, 200, await answer.text());
      return { ms: performance.now() - began, id: answer.headers.get("x-oneapi-request-id") };
    };
    // A key of an account of its own that nobody there has heard of.
    const limited = await admin.token({ name: "limited", unlimited_quota: false, remain_quota: 1_000_000 });
    const { id: cold } = await ask(far, limited.key);
    for (let i = 0; i < 10; ++i) for (const node of cluster.nodes) await ask(node, limited.key);
    // One after the other, so that whatever else the machine does hits both.
    const times = { master: [], node2: [] };
    for (let i = 0; i < 100; ++i) for (const node of cluster.nodes) times[node.name].push((await ask(node, limited.key)).ms);
    const median = (list) => list.sort((a, b) => a - b)[list.length / 2];
    const [there, here] = [median(times.node2), median(times.master)];
    t.diagnostic(`median near ${here.toFixed(1)} ms, far ${there.toFixed(1)} ms`);
    assert.ok(there - here < 75, "it waits for something that is 150 ms away");

    assert.equal(JSON.parse((await admin.row(cold)).other).region, "far");
    assert.equal(JSON.parse((await admin.row((await ask(cluster.master, limited.key)).id)).other).region, "near");
    await admin.option("Notice", "from near");
    await eventually(async () => (await (await fetch(`${far.url}/api/notice`)).json()).data === "from near", "the change has come");
    const distant = await cluster.login(far);
    await distant.option("Notice", "from far");
    await eventually(async () => (await (await fetch(`${cluster.master.url}/api/notice`)).json()).data === "from far", "and the other way");
    for (const node of [...cluster.nodes, ...cluster.nodes])
      await eventually(async () => {
        const { journal, wallets, keys } = await node.health();
        return journal.main_behind === 0 && journal.log_behind === 0 && wallets.slices === 0 && keys.slices === 0;
      }, `${node.name} has given everything back`, 60_000);
    const rows = (await admin.consumeRows()).filter((row) => row.token_id === limited.id);
    assert.equal(rows.length, 1 + 20 + 200 + 1);
    const [[left]] = await database.sql(`SELECT remain_quota FROM tokens WHERE id = ${limited.id}`);
    assert.equal(1_000_000 - Number(left), rows.reduce((sum, row) => sum + row.quota, 0));
  });
});
