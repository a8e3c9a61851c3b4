// What operators of the machine ask: the socket in the data directory, further addresses, the health check.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import http from "node:http";
import { lstatSync, existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { testKind } from "../lib/databases.mjs";
import { eventually, startGateway } from "../lib/gateway.mjs";
import { Program, freePort, removeDir, tempDir, tollgateProgram } from "../lib/process.mjs";

const ask = (options, path) =>
  new Promise((done, fail) => {
    http
      .get({ ...options, path, agent: false }, (answer) => {
        let body = "";
        answer.on("data", (part) => (body += part));
        answer.on("end", () => done({ status: answer.statusCode, headers: answer.headers, body }));
      })
      .on("error", fail);
  });

describe("the admin socket", { timeout: 120_000 }, () => {
  let dir;
  before(() => (dir = tempDir("socket")));
  after(() => removeDir(dir));

  const healthcheck = (env) =>
    spawnSync(tollgateProgram(), ["healthcheck"], { env: { PATH: process.env.PATH, ...env }, cwd: dir, encoding: "utf8" });

  it("REQ-CL-35 answers its owner without a token, and the health check uses it", async () => {
    const second = await freePort();
    const gateway = await startGateway({ dir, env: { TOLLGATE_ADMIN_LISTEN: `127.0.0.1:${second}` } });
    const socketPath = join(dir, "tollgate.sock");
    assert.equal(lstatSync(socketPath).mode & 0o777, 0o600);
    assert.equal((await ask({ socketPath }, "/livez")).body, "ok");
    assert.equal((await ask({ socketPath }, "/readyz")).body, "ok");
    assert.equal(JSON.parse((await ask({ socketPath }, "/-/health")).body).draining, false);
    assert.match((await ask({ socketPath }, "/metrics")).body, /^# HELP /);
    assert.equal((await ask({ socketPath }, "/api/status")).status, 404);
    assert.equal((await ask({ host: "127.0.0.1", port: second }, "/-/health")).status, 200);
    assert.equal((await ask({ host: "127.0.0.1", port: gateway.port }, "/-/health")).status, 404);
    const well = healthcheck({ TOLLGATE_DATA_DIR: dir });
    assert.deepEqual([well.status, well.stdout], [0, "true\n"]);
    // Without the socket: over the loopback, at the port.
    const empty = tempDir("empty");
    const over = healthcheck({ TOLLGATE_DATA_DIR: empty, TOLLGATE_LISTEN: `127.0.0.1:${gateway.port}` });
    assert.deepEqual([over.status, over.stdout], [0, "true\n"]);
    removeDir(empty);
    await gateway.stop();
    assert.ok(!existsSync(socketPath));
    const gone = healthcheck({ TOLLGATE_DATA_DIR: dir, PORT: String(gateway.port) });
    assert.deepEqual([gone.status, gone.stdout], [1, "nobody listens\n"]);
  });

  it("REQ-CL-24 C4 answers while a slave waits for the schema, whose port refuses until it is ready", { skip: testKind && "both on one SQLite file" }, async () => {
    const [home, waiting] = [tempDir("master"), tempDir("slave")];
    const port = await freePort();
    const env = {
      NODE_TYPE: "slave",
      TOLLGATE_ALLOW_SQLITE_CLUSTER: "true",
      SQLITE_PATH: join(home, "tollgate.db"),
      SESSION_SECRET: "a session secret of both",
      TOLLGATE_DATA_DIR: waiting,
      TOLLGATE_LISTEN: `127.0.0.1:${port}`,
    };
    const slave = new Program(tollgateProgram(), [], { cwd: waiting, env });
    const socketPath = join(waiting, "tollgate.sock");
    await slave.until(() => existsSync(socketPath) && healthcheck({ TOLLGATE_DATA_DIR: waiting }).status === 0, "the socket");
    assert.equal(healthcheck({ TOLLGATE_DATA_DIR: waiting }).stdout, "starting\n");
    const ready = await ask({ socketPath }, "/readyz");
    assert.deepEqual([ready.status, ready.body], [503, "starting"]);
    await assert.rejects(ask({ host: "127.0.0.1", port }, "/livez"), { code: "ECONNREFUSED" });
    const master = await startGateway({ dir: home, env: { SESSION_SECRET: "a session secret of both", SQLITE_PATH: env.SQLITE_PATH } });
    await eventually(() => healthcheck({ TOLLGATE_DATA_DIR: waiting }).stdout === "true\n", "the slave is ready");
    assert.equal((await ask({ host: "127.0.0.1", port }, "/readyz")).body, "ok");
    assert.equal(await slave.stop(), 0);
    await master.stop();
    for (const each of [home, waiting]) removeDir(each);
  });

  it("REQ-CL-16 a unix socket may be what clients are served at, and its file goes with the node", async () => {
    const home = tempDir("unix");
    const path = join(home, "public.sock");
    const port = await freePort();
    const gateway = await startGateway({ dir: home, port, env: { TOLLGATE_LISTEN: `127.0.0.1:${port},unix:${path}?mode=0660` } });
    assert.equal(lstatSync(path).mode & 0o777, 0o660);
    assert.match((await ask({ socketPath: path }, "/api/status")).body, /"success":true/);
    await gateway.kill();
    assert.ok(existsSync(path)); // left behind by a crash, and no hindrance
    const again = await startGateway({ dir: home, port, env: { TOLLGATE_LISTEN: `127.0.0.1:${port},unix:${path}?mode=0660` } });
    assert.equal((await ask({ socketPath: path }, "/readyz")).body, "ok");
    await again.stop();
    assert.ok(!existsSync(path));
    removeDir(home);
  });

  it("REQ-CL-37 X-Tollgate-Node names the node to trusted peers, or to all when asked for", async () => {
    const home = tempDir("named");
    const start = (env) => startGateway({ dir: home, env: { TOLLGATE_NODE_NAME: "frankfurt-1", ...env } });
    const name = async (gateway) => (await ask({ host: "127.0.0.1", port: gateway.port }, "/api/status")).headers["x-tollgate-node"];
    let gateway = await start();
    assert.equal(await name(gateway), "frankfurt-1");
    await gateway.stop();
    gateway = await start({ TOLLGATE_TRUSTED_PROXIES: "none" });
    assert.equal(await name(gateway), undefined);
    await gateway.stop();
    gateway = await start({ TOLLGATE_TRUSTED_PROXIES: "none", TOLLGATE_NODE_HEADER: "true" });
    assert.equal(await name(gateway), "frankfurt-1");
    await gateway.stop();
    removeDir(home);
  });
});
