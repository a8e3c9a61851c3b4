// The deployment guide, followed word for word: its blocks are the settings, only hosts and ports are the test's own.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import http from "node:http";
import { after, before, describe, it } from "node:test";
import { Account, adminToken, eventually, rootName, rootPassword, startGateway, startMock } from "../e2e/lib/gateway.mjs";
import { startMariadb } from "../e2e/lib/databases.mjs";
import { removeDir, tempDir, tollgateProgram } from "../e2e/lib/process.mjs";
import { startRedis } from "../e2e/lib/redis.mjs";
import { guideConfig, network, startFront } from "./lib/cluster.mjs";
import { environment, healthCommand } from "./lib/guide.mjs";

const domain = "your-domain.com";

/** A request as a browser or a shell sends it to the domain. */
function ask(front, path, headers = {}) {
  return new Promise((done, fail) => {
    const request = http.get({ host: "127.0.0.1", port: front.port, path, agent: false, headers: { Host: domain, ...headers } });
    request.on("error", fail);
    request.on("response", (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (part) => (body += part));
      response.on("end", () => done({ status: response.statusCode, headers: response.headers, body }));
    });
  });
}

describe("the deployment guide", { timeout: 180_000 }, () => {
  const nodes = [];
  let database, redis, mock, front, admin, key;

  before(async () => {
    database = await startMariadb();
    await database.sql("CREATE USER 'root'@'127.%' IDENTIFIED BY 'password'; GRANT ALL ON *.* TO 'root'@'127.%'");
    await database.sql("ALTER USER 'root'@'127.0.0.1' IDENTIFIED BY 'password'; ALTER USER 'root'@'%' IDENTIFIED BY 'password'");
    database.password = "password";
    await database.sql("CREATE DATABASE `new-api` CHARACTER SET utf8mb4");
    redis = await startRedis({ password: "password" });
    mock = await startMock({ keep: 0 });
    const address = network();
    const own = (block) => ({
      ...block,
      SQL_DSN: block.SQL_DSN.replace("your-db-host:3306", `127.0.0.1:${database.port}`),
      REDIS_CONN_STRING: block.REDIS_CONN_STRING.replace("your-redis-host:6379", `127.0.0.1:${redis.port}`),
    });
    const start = async (host, block) => {
      const dir = tempDir("guide");
      nodes.push({ host, dir, ...(await startGateway({ dir, host, port: 3000, env: own(block) })), host });
    };
    await start(address(1), environment("master.yml"));
    await start(address(2), environment("slave.yml"));
    await start(address(3), environment("slave.yml"));
    front = await startFront(await guideConfig(nodes));
    admin = await Account.setup(front.url);
    await admin.channel({ base_url: mock.url, models: "gpt-4o-mini" });
    key = (await admin.token({ name: "guide" })).key;
  });
  after(async () => {
    for (const node of nodes) await node.stop();
    await front?.stop();
    await mock?.stop();
    await redis?.stop();
    await database?.stop();
    for (const node of nodes) removeDir(node.dir);
  });

  const chat = (url, model = "gpt-4o-mini") =>
    fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "[[mock usage=10:10]] hello" }] }),
    });

  it("REQ-CL-17 18 25 every block is accepted as it is printed, and each node answers", async () => {
    // The channel was saved a moment ago, on one of them.
    for (const node of nodes)
      await eventually(async () => (await chat(node.url)).status === 200, `an answer of ${node.host}`, 1000);
  });

  it("REQ-CL-05 08 34 46 one log-in is valid on all nodes, and through the balancer whichever answers", async () => {
    const account = await Account.login(front.url, rootName, rootPassword);
    for (const node of nodes) {
      const there = new Account(node.url);
      there.cookie = account.cookie;
      there.id = account.id;
      assert.equal((await there.call("GET", "/api/user/self")).username, rootName);
    }
    for (let i = 0; i < 13; ++i) await account.call("GET", "/api/user/self");
  });

  it("REQ-CL-04 20 C1 a new channel can be used on all nodes in under a second", async (t) => {
    await admin.channel({ name: "second", base_url: mock.url, models: "gpt-4o" });
    const saved = Date.now();
    await Promise.all(
      nodes.map((node) => eventually(async () => (await chat(node.url, "gpt-4o")).status === 200, `usable on ${node.host}`, 1000)),
    );
    t.diagnostic(`usable everywhere after ${Date.now() - saved} ms`);
  });

  it("REQ-CL-21 50 requests for / through the balancer are answered without a redirect", async () => {
    for (let i = 0; i < 50; ++i) {
      const { status, headers } = await ask(front, "/", { Accept: "text/html", "Cache-Control": "no-cache" });
      assert.equal(status, 200, JSON.stringify(headers));
    }
  });

  it("REQ-CL-27 1,300 requests split 300/500/500 by the guide's weights", async () => {
    const taken = async () =>
      Promise.all(nodes.map(async (node) => (await node.health()).requests_taken));
    const begin = await taken();
    for (let i = 0; i < 1300; i += 13) await Promise.all(Array.from({ length: 13 }, () => ask(front, "/api/status")));
    const shares = (await taken()).map((count, i) => count - begin[i] - 1); // and the question itself
    for (const [i, expected] of [300, 500, 500].entries())
      assert.ok(Math.abs(shares[i] - expected) <= expected * 0.03, `shares ${shares.join("/")}`);
  });

  it("REQ-CL-26 a stream comes through the guide's nginx event by event", async () => {
    const answer = await fetch(`${front.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
      body: JSON.stringify({
        model: "gpt-4o-mini",
        stream: true,
        messages: [{ role: "user", content: "[[mock chunks=5 delay_ms=150]] hello" }],
      }),
    });
    const arrivals = [];
    for await (const part of answer.body) arrivals.push([Date.now(), part.length]);
    // One piece would mean that it was held back to its end.
    assert.ok(arrivals.length >= 5, `${arrivals.length} pieces`);
    assert.ok(arrivals.at(-1)[0] - arrivals[0][0] >= 300);
  });

  it("REQ-CL-06 a slave changes no schema", async () => {
    const [[log]] = await database.sql("SELECT @@general_log");
    assert.equal(log, "0");
    await database.sql("SET GLOBAL log_output='TABLE'; SET GLOBAL general_log=ON");
    const dir = tempDir("guide");
    const block = environment("slave.yml");
    const late = await startGateway({
      dir,
      env: {
        ...block,
        SQL_DSN: block.SQL_DSN.replace("your-db-host:3306", `127.0.0.1:${database.port}`),
        REDIS_CONN_STRING: block.REDIS_CONN_STRING.replace("your-redis-host:6379", `127.0.0.1:${redis.port}`),
      },
    });
    assert.equal((await chat(late.url)).status, 200);
    await late.stop();
    removeDir(dir);
    await database.sql("SET GLOBAL general_log=OFF");
    const changes = await database.sql(
      "SELECT argument FROM mysql.general_log WHERE command_type IN ('Query', 'Prepare', 'Execute') AND argument REGEXP '^ *(CREATE|ALTER|DROP) '",
    );
    assert.deepEqual(changes, []);
  });
});

describe("the guide's health check", { timeout: 60_000 }, () => {
  it("REQ-CL-35 prints true, as it is printed, with localhost and port 3000", async (t) => {
    // A network of its own, so that port 3000 is free there.
    if (spawnSync("unshare", ["-rn", "ip", "link", "set", "lo", "up"]).status !== 0)
      return t.skip("a network namespace is not allowed here");
    const dir = tempDir("health");
    const script = `ip link set lo up
      SQLITE_PATH=${dir}/a.db TOLLGATE_DATA_DIR=${dir} TOLLGATE_LOG_DIR=- ${tollgateProgram()} >${dir}/out 2>&1 &
      program=$!
      for i in $(seq 100); do wget -q -O /dev/null http://localhost:3000/livez && break; sleep 0.1; done
      ${healthCommand()}
      kill $program; wait $program`;
    const { stdout, stderr } = spawnSync("unshare", ["-rn", "dash", "-c", script], { encoding: "utf8" });
    removeDir(dir);
    assert.match(stdout, /^\s*true\n$/, stdout + stderr);
  });
});
