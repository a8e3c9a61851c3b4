// Redis in each of its forms under a real gateway, and what becomes of requests when it fails: nothing.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { canary } from "../e2e/lib/canary.mjs";
import { startFaultRelay } from "../e2e/lib/fault_relay.mjs";
import { Account, eventually, startAll, startGateway } from "../e2e/lib/gateway.mjs";
import { freePort, removeDir, tempDir, tollgateProgram } from "../e2e/lib/process.mjs";
import { post } from "../e2e/lib/raw.mjs";
import { startRedis, startRedisCluster, startSentinelGroup, until } from "../e2e/lib/redis.mjs";

const model = "gpt-4o-mini";
const ask = (gateway, key, say = "hello") =>
  post(`${gateway.url}/v1/chat/completions`, key, { model, messages: [{ role: "user", content: say }] });

/** A gateway with a user whose requests are counted: each of them asks Redis. */
async function startCounted(env, { count = 1_000_000 } = {}) {
  const all = await startAll({ models: model, env });
  const { key } = await all.admin.token();
  await all.admin.option("ModelRequestRateLimitDurationMinutes", "1");
  await all.admin.option("ModelRequestRateLimitSuccessCount", String(count));
  await all.admin.option("ModelRequestRateLimitEnabled", "true");
  return { ...all, key, ask: () => ask(all.gateway, key) };
}

/** Requests at a steady pace until stopped; each answer's status and time in milliseconds. */
function load(run, every = 20) {
  const answers = [];
  const open = new Set();
  const timer = setInterval(() => {
    const begun = performance.now();
    const one = run()
      .then(({ status }) => answers.push({ status, ms: performance.now() - begun }))
      .catch((error) => answers.push({ status: 0, ms: performance.now() - begun, error }))
      .finally(() => open.delete(one));
    open.add(one);
  }, every);
  return {
    answers,
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      return answers;
    },
  };
}

const failed = (answers) => answers.filter(({ status }) => status !== 200);
const node = (text, prefix = "tollgate:") =>
  text.split("\n").filter((line) => new RegExp(` name=${prefix}[^ ]*(?<!:sub) `).test(`${line} `));

/** A start that ends by itself: exit code and standard error. */
async function start(env) {
  const dir = tempDir("start");
  const port = String(await freePort());
  try {
    const { status, stderr } = spawnSync(tollgateProgram(), [], {
      env: { PATH: process.env.PATH, PORT: port, TOLLGATE_LISTEN: `127.0.0.1:${port}`, TOLLGATE_DATA_DIR: dir, TOLLGATE_LOG_DIR: "-", SQLITE_PATH: `${dir}/t.db`, ...env },
      cwd: dir,
      encoding: "utf8",
      timeout: 15_000,
    });
    return { status, stderr };
  } finally {
    removeDir(dir);
  }
}

describe("a single Redis", { timeout: 120_000 }, () => {
  const secret = canary("redis");

  it("REQ-CL-18 the guide's line, with an ACL user and a password", async () => {
    const redis = await startRedis({ password: secret });
    const all = await startCounted({ REDIS_CONN_STRING: `redis://default:${secret}@127.0.0.1:${redis.port}` });
    try {
      assert.equal((await all.ask()).status, 200);
      // Counted behind the answer.
      await eventually(async () => (await redis.cli("LLEN", `rateLimit:MRRLS:${all.admin.id}`)) === "1", "the success is counted in Redis");
      assert.match(await redis.cli("LINDEX", `rateLimit:MRRLS:${all.admin.id}`, 0), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    } finally {
      await all.stop();
      await redis.stop();
    }
  });

  it("REQ-CL-31 a password and a user in variables of their own; the URL's wins, and a difference is warned about", async () => {
    const redis = await startRedis({ password: secret, acl: ["tollgate on >user-secret ~* &* +@all"] });
    const plain = `redis://127.0.0.1:${redis.port}`;
    try {
      for (const [env, user, warns] of [
        [{ REDIS_CONN_STRING: plain, REDIS_PASSWORD: secret }, "default", false],
        [{ REDIS_CONN_STRING: plain, REDIS_PASSWORD: "user-secret", REDIS_USERNAME: "tollgate" }, "tollgate", false],
        [{ REDIS_CONN_STRING: redis.url, REDIS_PASSWORD: "another" }, "default", true],
      ]) {
        const gateway = await startGateway({ env });
        const clients = node(await redis.cli("CLIENT", "LIST"));
        await gateway.stop();
        assert.equal(clients.length, 1, clients.join("\n"));
        assert.match(clients[0], new RegExp(` user=${user} `));
        assert.equal(/W-REDIS-PW/.test(gateway.output()), warns);
      }
      const refused = await start({ REDIS_CONN_STRING: plain, REDIS_PASSWORD: "CANARY" });
      assert.equal(refused.status, 78);
      assert.match(refused.stderr, /FATAL 78 REDIS_CONN_STRING: server refused the password; /);
      assert.doesNotMatch(refused.stderr, /CANARY/);
      assert.equal((await start({ REDIS_CONN_STRING: plain })).status, 78);
    } finally {
      await redis.stop();
    }
  });

  it("R2 TLS with a private authority, and a unix socket", async () => {
    const redis = await startRedis({ tls: true });
    const local = await startRedis({ unix: true, password: secret });
    try {
      const tls = { REDIS_CONN_STRING: redis.url, TOLLGATE_REDIS_CA: redis.certificates.ca, TOLLGATE_REDIS_REQUIRED: "true" };
      await (await startGateway({ env: tls })).stop();
      const named = { ...tls, REDIS_CONN_STRING: redis.url.replace("127.0.0.1", "localhost") };
      await (await startGateway({ env: named })).stop();
      const stranger = await start({ ...tls, TOLLGATE_REDIS_CA: "" });
      assert.equal(stranger.status, 78);
      assert.match(stranger.stderr, /certificate refused/);
      assert.equal((await start({ ...tls, TOLLGATE_REDIS_TLS_SERVER_NAME: "other.example" })).status, 78);
      assert.equal((await start({ ...tls, TOLLGATE_REDIS_CA: "/nonexistent" })).status, 78);
      await (await startGateway({ env: { REDIS_CONN_STRING: local.unixUrl, TOLLGATE_REDIS_REQUIRED: "true" } })).stop();
    } finally {
      await redis.stop();
      await local.stop();
    }
  });

  it("a text that cannot be used ends the start and shows no password", async () => {
    for (const text of ["http://h", "redis://:CANARY@h:port", "redis://h/abc", "redis+cluster://h/1", "redis://a,,b"]) {
      const { status, stderr } = await start({ REDIS_CONN_STRING: text });
      assert.equal(status, 78, text);
      assert.match(stderr, /FATAL 78 REDIS_CONN_STRING: /);
      assert.doesNotMatch(stderr, /CANARY/);
    }
  });

  it("away at the start: the node serves and connects later; required: it does not start", async () => {
    const redis = await startRedis();
    await redis.kill();
    assert.equal((await start({ REDIS_CONN_STRING: redis.url, TOLLGATE_REDIS_REQUIRED: "true" })).status, 69);
    const all = await startCounted({ REDIS_CONN_STRING: redis.url });
    try {
      assert.equal((await all.ask()).status, 200);
      await redis.start();
      await eventually(async () => node(await redis.cli("CLIENT", "LIST")).length === 1, "the node connects");
    } finally {
      await all.stop();
      await redis.stop();
    }
  });

  it("REQ-CL-33 never more connections for commands than allowed, under load", async () => {
    const redis = await startRedis();
    const all = await startCounted({ REDIS_CONN_STRING: redis.url, REDIS_CONN_POOL_SIZE: "2", REDIS_POOL_SIZE: "3" });
    try {
      const run = load(all.ask, 5);
      let most = 0;
      for (let i = 0; i < 20; ++i) most = Math.max(most, node(await redis.cli("CLIENT", "LIST")).length);
      assert.deepEqual(failed(await run.stop()), []);
      assert.ok(most >= 1 && most <= 2, `${most} connections`);
      assert.match(all.gateway.output(), /REDIS_POOL_SIZE and REDIS_CONN_POOL_SIZE differ/);
    } finally {
      await all.stop();
      await redis.stop();
    }
    for (const bad of ["0", "10001", "many"]) assert.equal((await start({ REDIS_CONN_POOL_SIZE: bad })).status, 78);
  });

  it("two nodes count together, and each for itself while Redis is away", async () => {
    const redis = await startRedis();
    const all = await startCounted({ REDIS_CONN_STRING: redis.url }, { count: 4 });
    const second = await startGateway({
      env: { REDIS_CONN_STRING: redis.url, SQLITE_PATH: `${all.gateway.dir}/tollgate.db`, NODE_TYPE: "slave", TOLLGATE_ALLOW_SQLITE_CLUSTER: "true" },
    });
    try {
      const statuses = [];
      for (let i = 0; i < 6; ++i) {
        statuses.push((await ask(i % 2 ? second : all.gateway, all.key)).status);
        await until(async () => Number(await redis.cli("LLEN", `rateLimit:MRRLS:${all.admin.id}`)) >= Math.min(i + 1, 4), "counted");
      }
      assert.deepEqual(statuses, [200, 200, 200, 200, 429, 429]);
      await redis.kill();
      assert.equal((await all.ask()).status, 200);
    } finally {
      await second.stop();
      await all.stop();
      await redis.stop();
    }
  });

  it("a warm request does not touch Redis where no limit asks it", async () => {
    const redis = await startRedis();
    const all = await startAll({ models: model, env: { REDIS_CONN_STRING: redis.url } });
    try {
      const { key } = await all.admin.token();
      assert.equal((await ask(all.gateway, key)).status, 200);
      redis.freeze();
      const answers = [];
      for (let i = 0; i < 20; ++i) answers.push((await ask(all.gateway, key)).status);
      redis.thaw();
      assert.ok(answers.every((status) => status === 200));
    } finally {
      await all.stop();
      await redis.stop();
    }
  });
});

describe("what nodes share in Redis", { timeout: 120_000 }, () => {
  const crypto = canary("crypto");
  let redis, all, second, token;
  before(async () => {
    redis = await startRedis();
    const env = { REDIS_CONN_STRING: redis.url, CRYPTO_SECRET: crypto };
    all = await startAll({ models: model, env });
    second = await startGateway({ env: { ...env, SQLITE_PATH: `${all.gateway.dir}/tollgate.db`, NODE_TYPE: "slave", TOLLGATE_ALLOW_SQLITE_CLUSTER: "true" } });
    token = await all.admin.token();
  });
  after(async () => {
    await second?.stop();
    await all?.stop();
    await redis?.stop();
  });

  it("REQ-CL-04 users and keys stand there in the compatible product's fields, and go when they change", async () => {
    const bare = token.key.replace(/^sk-/, "");
    const name = `token:${createHmac("sha256", crypto).update(bare).digest("hex")}`;
    // A row that was changed is not kept within the ten seconds after, nor written more often than twice in its life.
    const both = async () => {
      assert.equal((await ask(all.gateway, token.key)).status, 200);
      await sleep(500);
      return (await redis.cli("EXISTS", name, `user:${all.admin.id}`)) === "2";
    };
    await eventually(both, "both rows are there", 45_000);
    const lines = (await redis.cli("HGETALL", name)).split("\n");
    const row = Object.fromEntries(lines.flatMap((line, i) => (i % 2 ? [] : [[line, lines[i + 1]]])));
    assert.equal(row.UserId, String(all.admin.id));
    assert.equal(row.Key, "");
    assert.equal(row.UnlimitedQuota, "true");
    assert.equal(await redis.cli("HGET", `user:${all.admin.id}`, "Username"), "root");
    const life = Number(await redis.cli("TTL", name));
    assert.ok(life > 0 && life <= 60, `${life}`);
    // The other node finds them there.
    assert.equal((await ask(second, token.key)).status, 200);
    // No key stands anywhere in Redis.
    assert.ok(!(await redis.cli("KEYS", "*")).includes(bare));

    await all.admin.call("PUT", "/api/token/?status_only=true", { id: token.id, status: 2 });
    await eventually(async () => (await redis.cli("EXISTS", name)) === "0", "the row is gone");
    assert.equal(await redis.cli("EXISTS", `tg:inv:${name}`), "1");
    assert.equal((await ask(all.gateway, token.key)).status, 401);
    await eventually(async () => (await ask(second, token.key)).status === 401, "the other node refuses the key");
    await all.admin.call("PUT", "/api/token/?status_only=true", { id: token.id, status: 1 });
    await eventually(async () => (await ask(second, token.key)).status === 200, "the other node takes the key again");
  });

  it("channels by affinity key are shared, and cleared for all", async () => {
    const rule = { name: "talk", model_regex: ["^gpt-"], path_regex: ["/v1/chat/completions"], key_sources: [{ type: "gjson", path: "metadata.thread" }], include_rule_name: true };
    await all.admin.option("channel_affinity_setting.rules", JSON.stringify([rule]));
    const talk = (gateway) =>
      post(`${gateway.url}/v1/chat/completions`, token.key, { model, messages: [{ role: "user", content: "hi" }], metadata: { thread: "one" } });
    assert.equal((await talk(all.gateway)).status, 200);
    const name = "new-api:channel_affinity:v1:talk:one";
    await eventually(async () => (await redis.cli("GET", name)) === "1", "the channel is remembered in Redis");
    assert.equal((await talk(second)).status, 200);
    await all.admin.call("DELETE", "/api/option/channel_affinity_cache?all=true");
    assert.equal(await redis.cli("EXISTS", name), "0");
  });
});

describe("a single Redis that fails", { timeout: 180_000 }, () => {
  let redis, relay, all;
  before(async () => {
    redis = await startRedis();
    relay = await startFaultRelay(redis.port);
    all = await startCounted({ REDIS_CONN_STRING: `redis://${relay.address}` });
    assert.equal((await all.ask()).status, 200);
  });
  after(async () => {
    await all?.stop();
    await relay?.stop();
    await redis?.stop();
  });
  const connected = () => eventually(async () => node(await redis.cli("CLIENT", "LIST")).length >= 1, "the node is connected");
  const counted = async () => {
    const before = Number(await redis.cli("LLEN", `rateLimit:MRRLS:${all.admin.id}`));
    await eventually(async () => {
      assert.equal((await all.ask()).status, 200);
      return Number(await redis.cli("LLEN", `rateLimit:MRRLS:${all.admin.id}`)) > before;
    }, "requests are counted in Redis again");
  };

  it("R1 chaos 8: killed and restarted empty", async () => {
    const run = load(all.ask);
    await sleep(300);
    await redis.kill();
    await sleep(1000);
    await redis.start();
    await connected();
    await sleep(300);
    assert.deepEqual(failed(await run.stop()), []);
    await counted();
  });

  it("R1 chaos 9: frozen; of the requests only those under way wait, once", async () => {
    const run = load(all.ask);
    await sleep(300);
    redis.freeze();
    await sleep(4000);
    redis.thaw();
    await sleep(300);
    const answers = await run.stop();
    assert.deepEqual(failed(answers), []);
    // Asked at 50 a second, half of the limit of 500 ms passes before the others go their own way.
    const slow = answers.filter(({ ms }) => ms > 400);
    assert.ok(slow.length <= 30, `${slow.length} of ${answers.length} waited`);
    assert.ok(answers.length > 150);
    await counted();
  });

  it("chaos 10: slow by 200 ms; requests take the longer for it and no more", async () => {
    relay.delay(100);
    const run = load(all.ask, 50);
    await sleep(2000);
    const answers = await run.stop();
    relay.delay(0);
    assert.deepEqual(failed(answers), []);
    await counted();
  });

  it("chaos 11: out of memory; writes fail, requests do not", async () => {
    await redis.cli("CONFIG", "SET", "maxmemory-policy", "noeviction");
    await redis.cli("CONFIG", "SET", "maxmemory", "1");
    const run = load(all.ask);
    await sleep(800);
    assert.deepEqual(failed(await run.stop()), []);
    await redis.cli("CONFIG", "SET", "maxmemory", "0");
    await counted();
  });

  it("chaos 19: scripts forgotten all the time", async () => {
    const run = load(all.ask);
    for (let i = 0; i < 20; ++i) {
      await redis.cli("SCRIPT", "FLUSH");
      await sleep(50);
    }
    const answers = await run.stop();
    assert.deepEqual(failed(answers), []);
    await counted();
  });

  it("chaos 12: the password changes; the node goes on, says so, and heals when it changes back", async () => {
    await redis.cli("CONFIG", "SET", "requirepass", "rotated");
    redis.auth = ["-a", "rotated"];
    await redis.cli("CLIENT", "KILL", "TYPE", "normal");
    const run = load(all.ask);
    await eventually(() => /Redis: server (refused the|demands a) password/.test(all.gateway.output()), "it is logged");
    assert.deepEqual(failed(await run.stop()), []);
    await redis.cli("CONFIG", "SET", "requirepass", "");
    redis.auth = [];
    await counted();
  });
});

describe("a sentinel group", { timeout: 180_000 }, () => {
  let group;
  before(async () => {
    group = await startSentinelGroup();
  });
  after(() => group?.stop());

  it("REQ-CL-30 REQ-CL-32 the guide's lines: found by name, without a name, and not by a wrong one", async () => {
    const gateway = await startGateway({ env: { REDIS_CONN_STRING: group.url, REDIS_MASTER_NAME: group.name, TOLLGATE_REDIS_REQUIRED: "true" } });
    const primary = await group.primary();
    assert.equal(node(await primary.cli("CLIENT", "LIST")).length, 1);
    await gateway.stop();

    const unnamed = await startGateway({ env: { REDIS_CONN_STRING: group.url } });
    assert.match(unnamed.output(), /REDIS_MASTER_NAME is not set; the sentinels know only "mymaster"/);
    await unnamed.stop();

    const wrong = await start({ REDIS_CONN_STRING: group.url, REDIS_MASTER_NAME: "other" });
    assert.equal(wrong.status, 78);
    assert.match(wrong.stderr, /FATAL 78 REDIS_MASTER_NAME: sentinel 127\.0\.0\.1:\d+ does not know "other"; it knows: mymaster; /);
  });

  it("REQ-CL-32 a data server with a name set runs as a single server, with a warning", async () => {
    const primary = await group.primary();
    const gateway = await startGateway({ env: { REDIS_CONN_STRING: `redis://${primary.address}`, REDIS_MASTER_NAME: group.name, TOLLGATE_REDIS_REQUIRED: "true" } });
    assert.match(gateway.output(), /W-REDIS-NOSENTINEL/);
    await gateway.stop();
  });

  it("chaos 13: the primary dies; no request fails, and the node is at the new one within a second", async () => {
    const all = await startCounted({ REDIS_CONN_STRING: group.url, REDIS_MASTER_NAME: group.name });
    try {
      const run = load(all.ask);
      await sleep(300);
      const old = await group.primary();
      await old.kill();
      const next = await until(async () => {
        const now = await group.primary();
        return now !== old && now;
      }, "the sentinels choose another");
      await until(async () => /master/.test(await next.cli("ROLE")) && node(await next.cli("CLIENT", "LIST")).length === 1, "the node is there", 3000);
      assert.deepEqual(failed(await run.stop()), []);
      await eventually(async () => {
        await all.ask();
        return Number(await next.cli("LLEN", `rateLimit:MRRLS:${all.admin.id}`)) > 0;
      }, "requests are counted there");
      await old.start();
    } finally {
      await all.stop();
    }
  });

  it("chaos 15: all sentinels die; nothing is felt", async () => {
    const all = await startCounted({ REDIS_CONN_STRING: group.url, REDIS_MASTER_NAME: group.name });
    try {
      assert.equal((await all.ask()).status, 200);
      const primary = await group.primary();
      const before = Number(await primary.cli("LLEN", `rateLimit:MRRLS:${all.admin.id}`));
      for (const one of group.sentinels) await one.kill();
      const run = load(all.ask);
      await sleep(1000);
      assert.deepEqual(failed(await run.stop()), []);
      assert.ok(Number(await primary.cli("LLEN", `rateLimit:MRRLS:${all.admin.id}`)) > before);
    } finally {
      await all.stop();
    }
  });
});

describe("a cluster", { timeout: 180_000 }, () => {
  let cluster;
  before(async () => {
    cluster = await startRedisCluster();
  });
  after(() => cluster?.stop());

  /** Where a key is: its server's answer, following the cluster. */
  const length = async (key) => {
    for (const { server } of await cluster.primaries()) {
      const answer = await server.cli("LLEN", key);
      if (/^\d+$/.test(answer)) return Number(answer);
    }
    return 0;
  };

  it("REQ-CL-30 is found by asking, from any of its servers", async () => {
    for (const url of [cluster.url, `redis://${cluster.nodes.at(-1).address}`, cluster.url.replace("redis://", "redis+cluster://")]) {
      const gateway = await startGateway({ env: { REDIS_CONN_STRING: url, TOLLGATE_REDIS_REQUIRED: "true" } });
      await gateway.stop();
    }
    const numbered = await start({ REDIS_CONN_STRING: `redis://${cluster.nodes[0].address}/1` });
    assert.equal(numbered.status, 78, numbered.stderr);
  });

  it("REQ-CL-33 the number of connections counts for each primary", async () => {
    const all = await startCounted({ REDIS_CONN_STRING: cluster.url, REDIS_POOL_SIZE: "1" });
    try {
      const run = load(all.ask, 5);
      await sleep(300);
      for (const { server } of await cluster.primaries()) assert.ok(node(await server.cli("CLIENT", "LIST")).length <= 1);
      assert.deepEqual(failed(await run.stop()), []);
    } finally {
      await all.stop();
    }
  });

  it("chaos 17: slots move under load; redirections are followed", async () => {
    const all = await startCounted({ REDIS_CONN_STRING: cluster.url });
    const key = `rateLimit:MRRLS:${all.admin.id}`;
    try {
      const run = load(all.ask, 10);
      await eventually(async () => (await length(key)) > 5, "requests are counted");
      const primaries = await cluster.primaries();
      const slot = Number(await cluster.nodes[0].cli("CLUSTER", "KEYSLOT", key));
      const owns = ({ slots }) => slots.some((range) => {
        const [first, last = first] = range.split("-").map(Number);
        return first <= slot && slot <= last;
      });
      const from = primaries.find(owns);
      const to = primaries.find((one) => one !== from);
      // By hand, so that it is this slot: first asked about, then moved.
      await to.server.cli("CLUSTER", "SETSLOT", slot, "IMPORTING", from.id);
      await from.server.cli("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id);
      await sleep(100);
      await from.server.cli("MIGRATE", "127.0.0.1", to.port, key, 0, 2000);
      const before = Number(await to.server.cli("LLEN", key).then((text) => text.replace(/\D/g, "") || 0));
      await sleep(300);
      for (const one of [to, from, ...primaries.filter((other) => other !== to && other !== from)])
        await one.server.cli("CLUSTER", "SETSLOT", slot, "NODE", to.id);
      await sleep(300);
      const answers = await run.stop();
      assert.deepEqual(failed(answers), []);
      await eventually(async () => {
        await all.ask();
        return Number(await to.server.cli("LLEN", key)) > 5;
      }, `counted where the slot is now, ${before} before`);
    } finally {
      await all.stop();
    }
  });

  it("chaos 16: a primary dies; no request fails, and its slots are back after the failover", async () => {
    const all = await startCounted({ REDIS_CONN_STRING: cluster.url });
    const key = `rateLimit:MRRLS:${all.admin.id}`;
    try {
      const run = load(all.ask);
      await eventually(async () => (await length(key)) > 3, "requests are counted");
      const owner = (
        await Promise.all((await cluster.primaries()).map(async ({ server }) => [server, await server.cli("LLEN", key)]))
      ).find(([, text]) => /^\d+$/.test(text))[0];
      await owner.kill();
      const before = await until(async () => {
        const primaries = await cluster.primaries();
        return primaries.length === 3 && !primaries.some(({ server }) => server === owner) && (await length(key)) + 1;
      }, "a replica takes over");
      await eventually(async () => (await length(key)) >= before, "requests are counted there");
      assert.deepEqual(failed(await run.stop()), []);
      await owner.start();
    } finally {
      await all.stop();
    }
  });
});
