// Parties of a cluster that cannot reach each other, while others can: a node without Redis and database, one whose Redis
// is mute, signals that silently stop, a primary of a sentinel group cut off from its sentinels. Clients notice nothing
// that need not be, what is allowed meanwhile has a bound, and the books agree in the end.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../e2e/lib/gateway.mjs";
import { quota, ratios } from "../e2e/lib/price.mjs";
import { startSentinelGroup } from "../e2e/lib/redis.mjs";
import { random, stopLoads } from "../chaos/load.mjs";
import { Books } from "./lib/books.mjs";

const model = "gpt-4o-mini";
const poll = 3; // SYNC_FREQUENCY

/** One request; what it uses is its price. Its status, head and time. */
async function ask(node, key, { prompt = 1, completion = 1 } = {}) {
  const begun = performance.now();
  const response = await fetch(`${node.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
    body: JSON.stringify({ model, max_tokens: 4000, messages: [{ role: "user", content: `[[mock usage=${prompt}:${completion}]] hello` }] }),
  });
  const text = await response.text();
  return { status: response.status, retry: response.headers.get("retry-after"), text, ms: performance.now() - begun };
}
const notice = async (node) => (await (await fetch(`${node.url}/api/notice`)).json()).data;
const failed = (load) => load.asked.filter((one) => !one.whole).map(({ number, status, error, stream }) => ({ number, status, error, stream }));

describe("a node cut off from a part of its cluster", { timeout: 400_000 }, () => {
  let books, cluster, admin, known;
  before(async () => {
    books = await Books.open({ links: true, env: { SYNC_FREQUENCY: String(poll) } });
    ({ cluster } = books);
    ({ admin } = cluster);
    // Each request asks Redis.
    await admin.option("ModelRequestRateLimitDurationMinutes", "1");
    await admin.option("ModelRequestRateLimitSuccessCount", "1000000");
    await admin.option("ModelRequestRateLimitEnabled", "true");
    for (const node of cluster.nodes)
      await eventually(async () => (await node.health()).cluster.ready_nodes === 3, "it knows of three nodes", 30_000);
    known = new Set();
  });
  afterEach(stopLoads);
  after(() => books?.close());

  /** Ends the load: every request was answered whole and charged once. */
  async function settle(load) {
    await load.stop();
    assert.deepEqual(failed(load), [], `of ${load.asked.length}`);
    const rows = (await books.check()).filter((row) => load.asked.some((one) => one.id === row.request_id));
    load.verify(rows);
    return load.asked.length;
  }
  /** A change made on the master comes into force on the node. */
  async function follows(node, ms) {
    const value = `changed at ${performance.now()}`;
    await admin.option("Notice", value);
    await eventually(async () => (await notice(node)) === value, `${node.name} follows`, ms);
  }

  it("chaos 18 C1 C5 signals silently stop: noticed, said, polled for instead, what memory holds lives a second; heals", async (t) => {
    const deaf = cluster.nodes[1];
    const load = books.load({ chance: random(18) });
    load.begin(6);
    await sleep(500);
    // The connection that listens stays, and so does each that takes its place; nothing arrives on it.
    deaf.links.redis.rule((_, direction, connection) => direction === "down" && connection.said.includes("SUBSCRIBE"));
    await eventually(async () => !(await deaf.health()).cluster.signals, "the silence is noticed", 25_000);
    assert.match(deaf.output(), /nothing is heard of subscriptions; the connection is replaced/);
    assert.equal((await deaf.health()).redis.connected, true);
    await follows(deaf, 1000 * (poll + 7));
    const { id, key } = await admin.token({ name: "revoked" });
    await eventually(async () => (await ask(deaf, key)).status === 200, "the node knows the key");
    await sleep(1500); // so that what it holds is read anew under the shorter life
    assert.equal((await ask(deaf, key)).status, 200);
    await admin.call("PUT", "/api/token/?status_only=true", { id, status: 2 });
    await sleep(1300);
    assert.equal((await ask(deaf, key)).status, 401);

    deaf.links.redis.rule(undefined);
    await eventually(async () => (await deaf.health()).cluster.signals, "it hears again", 25_000);
    await follows(deaf, 5000);
    t.diagnostic(`${await settle(load)} requests`);
  });

  it("chaos 39 a node that reaches the database and hears nothing of Redis: no request fails, changes are polled for; heals", async (t) => {
    const node = cluster.nodes[1];
    const load = books.load({ chance: random(39) });
    load.begin(6);
    await sleep(500);
    node.links.redis.swallow("down");
    await eventually(async () => !(await node.health()).redis.connected, "Redis counts as away", 25_000);
    assert.equal((await node.health()).cluster.signals, false);
    await follows(node, 1000 * (poll + 7));
    // It writes: what it charged meanwhile reaches the database.
    for (let i = 0; i < 5; ++i) assert.equal((await ask(node, books.keys[0])).status, 200);
    await eventually(async () => (await node.health()).journal.main_behind === 0, "its charges are in the database");

    node.links.redis.swallow("down", false);
    await eventually(async () => {
      const { redis, cluster: { signals } } = await node.health();
      return redis.connected && signals;
    }, "it is back", 25_000);
    await follows(node, 5000);
    t.diagnostic(`${await settle(load)} requests`);
  });

  it("chaos 38 R3 B10 a node without Redis and database serves known keys from memory, slices, then exposure, and no more; heals", async (t) => {
    const node = cluster.nodes[2];
    const cost = quota({ prompt: 4000, completion: 10 }, ratios[model]);
    const limit = 400 * cost;
    const small = await admin.token({ name: "small", unlimited_quota: false, remain_quota: limit });
    const revoked = await admin.token({ name: "revoked meanwhile" });
    const unknown = await admin.token({ name: "never seen there" });
    const one = { prompt: 4000, completion: 10 };
    const load = books.load({ chance: random(38), brief: true });
    load.begin(4);
    // Known is what was asked for behind the news that it exists.
    for (let i = 0; i < 2; ++i) {
      if (i > 0) await sleep(1000);
      assert.equal((await ask(node, small.key, one)).status, 200);
      assert.equal((await ask(node, revoked.key)).status, 200);
    }

    const { sql, redis } = node.links;
    for (const link of [sql, redis]) link.hold();
    const [[slice]] = await cluster.database.sql(
      `SELECT COALESCE(SUM(amount), 0) FROM tg_slices s JOIN tg_nodes n ON n.node_id = s.node_id WHERE n.name = 'node3' AND s.kind = 'token' AND s.account_id = ${small.id}`);
    await admin.call("PUT", "/api/token/?status_only=true", { id: revoked.id, status: 2 });
    let slowest = 0;
    const here = async (key, usage) => {
      const answer = await ask(node, key, usage);
      slowest = Math.max(slowest, answer.ms);
      return answer;
    };
    // The limited key: what the node held of it, then the exposure, then 503.
    let spent = 0;
    let last;
    while ((last = await here(small.key, one)).status === 200) {
      spent += cost;
      assert.ok(spent <= limit, "it spends more than there is");
    }
    assert.equal(last.status, 503, last.text);
    assert.match(last.text, /billing_unavailable/);
    assert.ok(Number(last.retry) > 0, "it says when to come again");
    assert.ok(spent > Number(slice), `${spent} of the slice of ${slice}: nothing beyond it was allowed`);
    const exposure = Math.floor(limit / 10 / 3);
    assert.ok(spent <= Number(slice) + exposure, `${spent} of ${slice} and ${exposure}`);
    assert.ok((await node.health()).exposed_accounts >= 1);
    // Others go on, with what they know.
    await sleep(6000);
    assert.equal((await here(books.keys[0])).status, 200);
    assert.equal((await here(revoked.key)).status, 200, "it cannot know");
    const stranger = await here(unknown.key);
    assert.equal(stranger.status, 503, stranger.text);
    assert.match(stranger.text, /auth_backend_unavailable/);
    assert.ok(Number(stranger.retry) > 0);
    assert.equal((await node.health()).sql_reachable, false);
    assert.equal((await ask(cluster.master, small.key, one)).status, 200, "the other nodes have the rest");
    assert.equal((await ask(cluster.master, revoked.key)).status, 401);

    // Signals come back first: what was missed is to be read, and cannot be.
    redis.hold(false);
    await eventually(async () => (await node.health()).cluster.signals, "it hears signals", 30_000);
    for (let i = 0; i < 5; ++i) assert.equal((await here(books.keys[0])).status, 200);
    t.diagnostic(`cut off: the slowest answer took ${Math.round(slowest)} ms`);
    sql.hold(false);
    await eventually(async () => {
      const health = await node.health();
      return health.sql_reachable && health.redis.connected && health.cluster.signals && health.exposed_accounts === 0;
    }, "it is back", 40_000);
    await eventually(async () => (await ask(node, revoked.key)).status === 401, "the key is refused there, too", 10_000);
    await follows(node, 5000);
    t.diagnostic(`${await settle(load)} requests`);
    const { items } = await admin.call("GET", "/api/token/?p=1&page_size=100");
    const rows = (await admin.consumeRows()).filter((row) => row.token_id === small.id);
    const charged = rows.reduce((sum, row) => sum + row.quota, 0);
    assert.equal(limit - items.find(({ id }) => id === small.id).remain_quota, charged);
    assert.equal(charged, spent + 3 * cost);
  });
});

describe("a sentinel group that splits", { timeout: 200_000 }, () => {
  let group, books;
  before(async () => {
    // Behind the database, whose making stops this process and with it the relay for a while.
    const env = async () => {
      group = await startSentinelGroup({ link: true });
      return { REDIS_CONN_STRING: group.url, REDIS_MASTER_NAME: group.name };
    };
    books = await Books.open({ redis: false, slaves: 1, env });
    const { admin } = books.cluster;
    await admin.option("ModelRequestRateLimitDurationMinutes", "1");
    await admin.option("ModelRequestRateLimitSuccessCount", "1000000");
    await admin.option("ModelRequestRateLimitEnabled", "true");
  });
  after(async () => {
    await books?.close();
    await group?.stop();
  });

  it("chaos 14 R1 the primary loses its sentinels and replicas but not the nodes: they follow the sentinels, what the old one took is dropped", async (t) => {
    const { nodes, admin } = books.cluster;
    const counted = `rateLimit:MRRLS:${admin.id}`;
    const old = await group.primary();
    assert.equal(old, group.data[0], "the one behind the relay leads");
    const at = async (node) => (await node.health()).redis;
    const load = books.load({ chance: random(14) });
    load.begin(6);
    await eventually(async () => Number(await old.cli("LLEN", counted)) > 0, "requests are counted at the primary");

    // Sentinels name their connections, replicas announce themselves; whoever else comes gets through.
    group.link.rule((_, __, { said }) => /sentinel-|REPLCONF/.test(said));
    await eventually(async () => (await group.primary()) !== old, "the sentinels choose another", 90_000); // they wait half a minute when the machine stalls
    const next = await group.primary();
    for (const node of nodes)
      await eventually(async () => (await at(node)).server === next.address, `${node.name} is at the new primary`, 5000);
    assert.match(await old.cli("ROLE"), /^master/, "the old one still takes itself for the primary");
    await eventually(async () => {
      const clients = (await old.cli("CLIENT", "LIST")).split("\n").filter((line) => / name=tollgate:/.test(line));
      return clients.length === 0;
    }, "nobody is left at the old one", 10_000);
    const frozen = await old.cli("LLEN", counted);
    await eventually(async () => Number(await next.cli("LLEN", counted)) > 0, "requests are counted at the new one");
    await old.cli("SET", "split", "written on the wrong side");
    await sleep(2000);
    assert.equal(await old.cli("LLEN", counted), frozen, "and no longer at the old one");
    for (const node of nodes) assert.equal((await node.health()).cluster.signals, true);

    group.link.rule(undefined);
    group.link.cut();
    await eventually(async () => /^slave/.test(await old.cli("ROLE")), "the old one becomes a replica", 30_000);
    await eventually(async () => (await old.cli("EXISTS", "split")) === "0", "what it took is dropped", 30_000);
    for (const node of nodes) assert.equal((await at(node)).server, next.address);
    await load.stop();
    assert.deepEqual(failed(load), []);
    load.verify((await books.check()).filter((row) => load.asked.some((one) => one.id === row.request_id)));
    t.diagnostic(`${load.asked.length} requests`);
  });
});
