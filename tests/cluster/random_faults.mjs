// Two faults at a time, drawn at random, again and again: ./dev chaos random SECONDS [SEED]. After each round the books
// must agree. The seed repeats the choices, not their timing. No part of ./dev test.
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { random } from "../chaos/load.mjs";
import { startFaultRelay } from "../e2e/lib/fault_relay.mjs";
import { startRedis } from "../e2e/lib/redis.mjs";
import { Books } from "./lib/books.mjs";

const seconds = Number(process.env.CHAOS_SECONDS || 1800);
const seed = Number(process.env.CHAOS_SEED || Date.now() % 1_000_000);
const pick = (list, draw) => list[Math.floor(draw() * list.length)];

describe(`random pairs of faults for ${seconds} s`, { timeout: (seconds + 600) * 1000 }, () => {
  let books, sql, store;
  before(async () => {
    const redis = await startRedis({ password: "password-of-redis-cnry" });
    store = await startFaultRelay(redis.port);
    books = await Books.open({
      sql: process.env.TOLLGATE_CLUSTER_SQL ?? "mysql",
      redis,
      env: {
        SYNC_FREQUENCY: "5",
        TOLLGATE_SQL_TIMEOUT: "3s",
        TOLLGATE_SQL_CONNECT_TIMEOUT: "3s",
        REDIS_CONN_STRING: redis.url.replace(`:${redis.port}`, `:${store.port}`),
      },
      entry: async (server, database) => {
        sql = await startFaultRelay(server.port);
        return server.dsn(database.name, { port: sql.port });
      },
    });
  });
  after(async () => {
    await books?.close();
    await sql?.stop();
    await store?.stop();
  });

  // What is done, and for how long; whoever begins it ends it. `draw` is its own source of numbers: what another does at
  // the same time changes nothing of it.
  const stopped = async (server, ms) => {
    server.freeze();
    await sleep(ms);
    server.thaw();
  };
  const away = async (server, ms) => {
    await server.kill();
    await sleep(ms);
    await server.restart();
  };
  const faults = {
    async "a node is killed"(draw) {
      const node = pick(books.cluster.nodes, draw);
      await books.kill(node);
      await sleep(draw() * 3000);
      await books.restart(node);
    },
    async "a node is drained and started again"(draw) {
      const node = pick(books.cluster.nodes, draw);
      books.dead.add(node);
      await node.stop(60_000);
      await books.restart(node);
    },
    async "a node is frozen"(draw) {
      const node = pick(books.cluster.nodes, draw);
      process.kill(node.pid, "SIGSTOP");
      await sleep(8000);
      process.kill(node.pid, "SIGCONT");
    },
    "the database is killed": (draw) => away(books.cluster.server, draw() * 5000),
    "the database is frozen": () => stopped(books.cluster.server, 6000),
    async "answers of the database are lost"() {
      for (let i = 0; i < 5; ++i) {
        sql.swallow("down", true);
        await sleep(300);
        sql.cut();
        sql.swallow("down", false);
        await sleep(1000);
      }
    },
    async "the database is 200 ms away"() {
      sql.delay(100);
      await sleep(8000);
      sql.delay(0);
    },
    "Redis is killed and back empty": (draw) => away(books.cluster.redis, draw() * 5000),
    "Redis is frozen": () => stopped(books.cluster.redis, 8000),
    async "Redis is silent"() {
      store.swallow("down", true);
      await sleep(8000);
      store.swallow("down", false);
      store.cut();
    },
    async "Redis forgets its scripts"() {
      for (let i = 0; i < 8; ++i) {
        await books.cluster.redis.cli("SCRIPT", "FLUSH").catch(() => {}); // it may be away
        await sleep(1000);
      }
    },
  };
  const partOf = (name) => (/node/.test(name) ? "node" : /database/.test(name) ? "database" : "Redis");

  it(`chaos 53 the books agree after each pair (seed ${seed})`, async () => {
    console.log(`# seed ${seed}`);
    const end = Date.now() + seconds * 1000;
    const load = books.load({ chance: random(seed), cuts: 0.1 });
    const known = new Set((await books.check()).map((row) => row.request_id));
    load.begin(10);
    for (let round = 1; Date.now() < end; ++round) {
      const draw = random(seed + round * 7919);
      // Two of one part would undo each other's harm.
      const first = pick(Object.keys(faults), draw);
      const second = pick(Object.keys(faults).filter((name) => partOf(name) !== partOf(first)), draw);
      console.log(`# round ${round}: ${first}, ${second}`);
      const [one, other] = [random(draw() * 2 ** 32), random(draw() * 2 ** 32)];
      await Promise.all([faults[first](one), faults[second](other)]);
      await sleep(3000);
      // Requests under way end; then nothing may be left.
      books.paused = true;
      await books.check();
      books.paused = false;
      await sleep(1000);
    }
    await load.stop();
    const rows = (await books.check()).filter((row) => !known.has(row.request_id));
    console.log(`# ${load.asked.length} requests: ${JSON.stringify(load.verify(rows))}`);
  });
});
