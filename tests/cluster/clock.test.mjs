// The clock of one node is set by an hour, and back, and to and fro: what nodes compare with each other stays the same.
import assert from "node:assert/strict";
import { after, before as beforeAll, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { stopLoads } from "../chaos/load.mjs";
import { Account, adminToken, eventually } from "../e2e/lib/gateway.mjs";
import { register } from "../e2e/lib/canary.mjs";
import { canSetClocks, ownClock, setClock } from "../e2e/lib/set_clock.mjs";
import { Cluster } from "./lib/cluster.mjs";
import { before, begin, wholeAndExact } from "./lib/under_load.mjs";

const skip = canSetClocks ? false : "libfaketime is not installed";
const hour = 3600;
const operator = { Authorization: `Bearer ${adminToken}` };
const view = async (node) =>
  (await (await fetch(`${node.url}/api/tollgate/cluster`, { headers: operator })).json()).data;

// Searches of a user: a limit with a short window that all nodes count together.
const searches = 10;
const windowMs = 60_000;

describe("the master's clock is set under load", { timeout: 400_000, skip }, () => {
  let cluster, odd, since, load, begun;
  const sessions = []; // that were made on each node while its clock was right
  const leases = { seen: new Set(), late: [], watching: true };

  /** A user's session, made on `node`. */
  const login = (node, { name, password }) => Account.login(node.url, name, password);
  /** Whether `node` takes a session that was made there or elsewhere. */
  async function takes(node, session) {
    const answer = await fetch(`${node.url}/api/user/self`, {
      headers: { Cookie: session.cookie, "New-Api-User": String(session.id) },
    });
    return (await answer.json()).success === true;
  }
  async function user(name) {
    const password = register(`cnry password of ${name}`.slice(0, 20));
    await cluster.admin.call("POST", "/api/user/", { username: name, password, role: 1 });
    return { name, password };
  }

  /** Sessions of before, and new ones of each node, hold on all. */
  async function sessionsHold() {
    const fresh = [];
    for (const node of cluster.nodes) fresh.push(await cluster.login(node));
    for (const session of [...sessions, ...fresh])
      for (const node of cluster.nodes) assert.ok(await takes(node, session), `${node.name} refuses a session of ${session.url}`);
  }

  /** A new password ends sessions of before on all nodes, and those made with it hold on all, wherever it was set. */
  async function passwordsAreChanged(name) {
    const someone = await user(name);
    for (const [at, other] of [[odd, cluster.slaves[0]], [cluster.slaves[1], odd]]) {
      const old = await login(other, someone);
      const own = await login(at, someone);
      await sleep(1100); // sessions know when they were made to the second
      const password = register(`${someone.password.slice(0, 18)}${at === odd ? "x" : "y"}`);
      await own.call("PUT", "/api/user/self", { username: name, original_password: someone.password, password });
      someone.password = password;
      const made = [own, await login(at, someone), await login(other, someone)];
      for (const node of cluster.nodes) {
        assert.ok(!(await takes(node, old)), `${node.name} takes a session from before the new password`);
        for (const session of made) assert.ok(await takes(node, session), `${node.name} refuses a session of ${session.url}`);
      }
    }
  }

  async function search(node, session) {
    const answer = await fetch(`${node.url}/api/token/search?keyword=none`, {
      headers: { Cookie: session.cookie, "New-Api-User": String(session.id) },
    });
    await answer.text();
    return answer.status;
  }
  /** As many searches pass as may, whichever nodes are asked in turn, with a pause between them. */
  async function limitHolds(name, pauseMs = 0) {
    const session = await login(cluster.slaves[0], await user(name));
    const start = performance.now();
    const statuses = [];
    for (let i = 0; i < searches + 5; ++i) {
      statuses.push(await search(cluster.nodes[i % cluster.nodes.length], session));
      await sleep(pauseMs);
    }
    const last = performance.now();
    if (last - start < windowMs)
      assert.deepEqual(statuses, [...Array(searches).fill(200), ...Array(5).fill(429)]);
    return { session, last };
  }
  /** A window later each node lets the user search again. */
  async function limitEnds({ session, last }) {
    await sleep(Math.max(0, last + windowMs + 2000 - performance.now()));
    for (const node of cluster.nodes) assert.equal(await search(node, session), 200, `${node.name} after the window`);
  }

  async function watchLeases() {
    while (leases.watching) {
      for (const [name, holder, token, left] of await cluster.database.sql(
        "SELECT name, holder, token, expires_at - FLOOR(UNIX_TIMESTAMP(NOW(3)) * 1000) FROM tg_leases WHERE expires_at > 0",
      )) {
        leases.seen.add(`${name} ${holder} ${token}`);
        if (Number(left) <= 0 || Number(left) > 15_500) leases.late.push(`${name} ${left}`);
      }
      await sleep(500);
    }
  }
  /** Each job is done by one node. */
  async function heldOnce() {
    const [[held]] = await cluster.database.sql("SELECT COUNT(*) FROM tg_leases WHERE expires_at > 0");
    const counts = await Promise.all(cluster.nodes.map(async (node) => (await node.health()).cluster.leases));
    assert.equal(counts.reduce((sum, count) => sum + count, 0), Number(held), counts.join());
  }

  let watcher;
  beforeAll(async () => {
    cluster = await Cluster.start({ front: true, env: ownClock });
    odd = cluster.master;
    for (const node of cluster.nodes) sessions.push(await cluster.login(node));
    await eventually(async () => (await odd.health()).cluster.leases === 6, "the master has taken every job", 60_000);
    since = await before(cluster);
    begun = Date.now() / 1000;
    load = await begin(cluster, 8);
    watcher = watchLeases();
  });
  after(async () => {
    leases.watching = false;
    await watcher;
    await stopLoads();
    await cluster?.stop();
  });

  it("chaos 34 an hour ahead: sessions hold on all nodes, a limit is exact and ends with its window, the node is degraded and says why", async (t) => {
    setClock(odd.dir, hour);
    const set = performance.now();
    await sleep(2500); // libfaketime looks once a second
    // Nobody has measured yet.
    const limited = await limitHolds("ahead");
    await sessionsHold();
    await passwordsAreChanged("mover");
    await eventually(async () => {
      const { nodes } = await view(cluster.slaves[0]);
      return nodes.find(({ name }) => name === odd.name).state === "degraded";
    }, "another node lists it as degraded", 150_000);
    t.diagnostic(`degraded after ${((performance.now() - set) / 1000).toFixed(0)} s`);
    const { warnings } = await view(odd);
    assert.match(warnings.find(({ code }) => code === "clock")?.text ?? "", /clock is -36\d{5} ms off the database's/);
    const { components, cluster: own } = await odd.health();
    assert.equal(components.clock.status, "degraded");
    assert.match(components.clock.detail, /-36\d{5} ms/);
    assert.deepEqual(own.warnings.map(({ code }) => code), ["clock"]);
    assert.equal(own.live_nodes, 3);
    assert.ok((await fetch(`${odd.url}/readyz`)).ok, "it takes requests all the same");
    for (const node of cluster.slaves) assert.equal((await node.health()).components.clock.status, "ok", node.name);
    await sessionsHold();
    await heldOnce();
    await limitEnds(limited);
  });

  const later = [];
  it("chaos 34 an hour behind: sessions hold on all nodes, a limit is exact", async () => {
    setClock(odd.dir, -hour);
    await sleep(2500);
    later.push(await limitHolds("behind"));
    await sessionsHold();
    await passwordsAreChanged("shaker");
    await heldOnce();
  });

  it("chaos 34 to and fro each second: the same", async () => {
    const jumps = (async () => {
      for (let i = 0; i < 15; ++i) {
        setClock(odd.dir, [hour, -hour, 0][i % 3]);
        await sleep(1000);
      }
    })();
    later.push(await limitHolds("jumping", 400));
    await sessionsHold();
    await jumps;
    await heldOnce();
  });

  it("chaos 34 right again: the node recovers; meanwhile no job moved, no request failed, rows bear the right times, the books agree", async (t) => {
    setClock(odd.dir, 0);
    const set = performance.now();
    await eventually(async () => {
      const { nodes } = await view(cluster.slaves[0]);
      return nodes.find(({ name }) => name === odd.name).state === "ready";
    }, "it is ready", 150_000);
    t.diagnostic(`ready after ${((performance.now() - set) / 1000).toFixed(0)} s`);
    await eventually(async () => (await view(odd)).warnings.length === 0, "it warns of nothing", 30_000);
    assert.equal((await odd.health()).components.clock.status, "ok");
    for (const limited of later) await limitEnds(limited);
    await sessionsHold();
    t.diagnostic(`${await wholeAndExact(cluster, load, since)} requests`);
    const ended = Date.now() / 1000;
    const rows = (await cluster.admin.consumeRows()).filter((row) => !since.rows.has(row.request_id));
    const wrong = rows.filter((row) => row.created_at < begun - 3 || row.created_at > ended + 3 || row.use_time < 0 || row.use_time > 120);
    assert.deepEqual(wrong.map(({ created_at, use_time }) => [created_at - begun, use_time]), [], `of ${rows.length}`);
    assert.equal(leases.seen.size, 6, [...leases.seen].join("\n"));
    assert.deepEqual(leases.late, []);
  });
});
