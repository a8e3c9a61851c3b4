// A node that is cut off from the database, from Redis, or from both: what it still knows, what it hears of keys that
// are taken back, and when it stops.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startFaultRelay } from "../e2e/lib/fault_relay.mjs";
import { adminToken, eventually } from "../e2e/lib/gateway.mjs";
import { Cluster } from "./lib/cluster.mjs";

const operator = { Authorization: `Bearer ${adminToken}` };
const chat = async (node, key) => {
  const response = await fetch(`${node.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "[[mock usage=1:1]] hello" }] }),
  });
  return { status: response.status, text: await response.text() };
};
const health = async (node) => (await fetch(`${node.url}/-/health`, { headers: operator })).json();
const ready = async (node) => {
  const response = await fetch(`${node.url}/readyz`);
  return `${response.status} ${(await response.text()).trim()}`;
};

/** The next COMMIT of a connection that has sent the text `after` is lost, or only its answer when it is `reached`. */
function loseCommit(relay, after, { reached }) {
  const state = { lost: false };
  let marked;
  relay.rule((bytes, direction, connection) => {
    if (state.lost) return connection === marked;
    if (direction !== "up") return false;
    if (bytes.includes(after)) marked = connection;
    if (connection !== marked || !bytes.includes("COMMIT")) return false;
    state.lost = true;
    if (reached) connection.server.write(bytes);
    setTimeout(() => connection.cut(), 300);
    return true;
  });
  return state;
}

describe("a node that is cut off", { timeout: 400_000 }, () => {
  let cluster, node, sql, redis;
  before(async () => {
    cluster = await Cluster.start({
      slaves: 0,
      env: { SYNC_FREQUENCY: "600", TOLLGATE_SQL_TIMEOUT: "2s", TOLLGATE_SQL_CONNECT_TIMEOUT: "2s" },
    });
    sql = await startFaultRelay(cluster.server.port);
    redis = await startFaultRelay(cluster.redis.port);
    node = await cluster.add({
      NODE_TYPE: "slave",
      SQL_DSN: cluster.server.dsn(cluster.database.name, { port: sql.port }),
      REDIS_CONN_STRING: cluster.redis.url.replace(`:${cluster.redis.port}`, `:${redis.port}`),
      TOLLGATE_STALE_LIMIT: "20s",
    });
  });
  after(async () => {
    await sql?.stop();
    await redis?.stop();
    await cluster?.stop();
  });

  /** A key that the node knows, and the way to take it back on the other node. */
  async function knownKey(name) {
    const { id, key } = await cluster.admin.token({ name });
    await eventually(async () => (await chat(node, key)).status === 200, "the node serves the key", 10_000);
    // The making of the key is a change of it, too: what was read shortly after a change is not trusted for long.
    await sleep(6000);
    await serves(key);
    return { key, take: () => cluster.admin.call("PUT", "/api/token/?status_only=true", { id, status: 2 }) };
  }
  const serves = async (key) => {
    const { status, text } = await chat(node, key);
    assert.equal(status, 200, text);
  };
  const withoutDatabase = async () => {
    sql.refuse();
    await eventually(async () => (await health(node)).components.sql.status === "away", "the database is away", 30_000);
  };
  const heals = async () => {
    sql.refuse(false);
    redis.refuse(false);
    await eventually(async () => {
      const { components } = await health(node);
      return components.sql.status === "ok" && components.pubsub.status === "ok" && components.configuration.status === "ok";
    }, "the node has everything again", 60_000);
    await eventually(async () => (await ready(node)).startsWith("200"), "it is ready", 30_000);
  };

  it("C1 R3 without the database it hears through Redis of a key that is taken back, and serves the others", async () => {
    const [kept, taken] = [await knownKey("kept"), await knownKey("taken")];
    await withoutDatabase();
    await serves(taken.key);
    await taken.take();
    await eventually(async () => (await chat(node, taken.key)).status !== 200, "the key is refused", 5_000);
    // Longer than it holds a key without asking again.
    for (let i = 0; i < 8; ++i) {
      await serves(kept.key);
      assert.notEqual((await chat(node, taken.key)).status, 200);
      await sleep(1000);
    }
    const { components, cluster: seen } = await health(node);
    assert.equal(components.configuration.status, "degraded");
    assert.equal(seen.stale_seconds, 0);
    await heals();
    await eventually(async () => (await chat(node, taken.key)).status === 401, "and by name once it can be looked up", 15_000);
    await serves(kept.key);
  });

  it("C1 R3 what was taken back while it heard nothing it learns when it reaches Redis, still without the database", async () => {
    const [kept, taken] = [await knownKey("kept too"), await knownKey("taken too")];
    await withoutDatabase();
    redis.refuse();
    await eventually(async () => (await health(node)).components.pubsub.status === "away", "Redis is away", 30_000);
    await taken.take();
    await serves(taken.key); // nothing could tell it
    redis.refuse(false);
    await eventually(async () => (await chat(node, taken.key)).status !== 200, "the key is refused", 15_000);
    await serves(kept.key);
    assert.match(await cluster.redis.cli("ZRANGE", "tg:revoked", "0", "-1"), /token:\d+/);
    await heals();
    await serves(kept.key);
  });

  it("chaos 25 a save whose COMMIT is lost, or only its answer, is done once and answered as done", async () => {
    const admin = await cluster.login(node);
    const named = async (name) => {
      const { items } = await cluster.admin.call("GET", "/api/token/?p=1&page_size=100");
      return items.filter((token) => token.name === name);
    };
    for (const reached of [true, false]) {
      const name = reached ? "answer lost" : "commit lost";
      const making = loseCommit(sql, name, { reached });
      const { id } = await admin.token({ name });
      assert.ok(making.lost, "a COMMIT was lost");
      const made = await named(name);
      assert.deepEqual(made.map((token) => token.id), [id]);
      const saving = loseCommit(sql, `${name} again`, { reached });
      await admin.call("PUT", "/api/token/", { ...made[0], name: `${name} again` });
      assert.ok(saving.lost);
      assert.equal((await named(`${name} again`)).length, 1);
    }
    sql.rule(undefined);
  });

  it("chaos 38 C5 cut off from both it goes on, says so, and stops after TOLLGATE_STALE_LIMIT", async () => {
    const taken = await knownKey("taken at last");
    sql.refuse();
    redis.refuse();
    await taken.take();
    await serves(taken.key);
    assert.match(await ready(node), /^200/);
    await eventually(async () => (await health(node)).components.configuration.status === "away", "health tells", 30_000);
    await eventually(async () => (await ready(node)) === "503 stale", "it takes no traffic", 60_000);
    await eventually(async () => (await chat(node, taken.key)).status === 503, "and serves nobody", 5_000);
    assert.match((await chat(node, taken.key)).text, /auth_backend_unavailable/);
    assert.ok((await health(node)).cluster.stale_seconds >= 20);
    const metrics = await (await fetch(`${node.url}/metrics`, { headers: operator })).text();
    assert.ok(Number(/^tollgate_stale_seconds (\S+)/m.exec(metrics)[1]) >= 20);
    assert.match(node.output(), /neither the database nor Redis was reached for \d+ s/);
    await heals();
    await eventually(async () => (await chat(node, taken.key)).status === 401, "the key is refused by name", 15_000);
    await serves(cluster.key);
  });
});
