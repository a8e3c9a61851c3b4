// What MySQL 8 asks of its clients and MariaDB does not: how one logs in, and which words and forms it takes. Debian has
// no MySQL, so a stand-in before MariaDB plays it (tests/e2e/lib/mysql8_front.mjs).
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before as beforeAll, describe, it } from "node:test";
import { stopLoads } from "../chaos/load.mjs";
import { startMariadb } from "../e2e/lib/databases.mjs";
import { startGateway } from "../e2e/lib/gateway.mjs";
import { refusedByMysql8, startMysql8Front } from "../e2e/lib/mysql8_front.mjs";
import { Program, freePort, removeDir, tempDir, tollgateProgram } from "../e2e/lib/process.mjs";
import { Cluster } from "./lib/cluster.mjs";
import { before, begin, wholeAndExact } from "./lib/under_load.mjs";

describe("logging in as MySQL 8 wants it", { timeout: 180_000 }, () => {
  let server, dir, certificate;
  beforeAll(async () => {
    server = await startMariadb();
    dir = tempDir("mysql8");
    const file = (name) => join(dir, name);
    execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file("key"), "-out",
      file("cert"), "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], { stdio: "pipe" });
    certificate = { key: readFileSync(file("key"), "utf8"), cert: readFileSync(file("cert"), "utf8") };
  });
  after(async () => {
    await server?.stop();
    if (dir) removeDir(dir);
  });

  /** How the connections of one start came in. */
  async function logins(front, params = "") {
    const { name } = await server.database();
    const gateway = await startGateway({
      env: { SQL_DSN: server.dsn(name, { host: "localhost", port: front.port, params }), TOLLGATE_SQL_CA: join(dir, "cert") },
    });
    assert.equal((await fetch(`${gateway.url}/api/status`)).status, 200);
    await gateway.stop();
    return front.logins.splice(0);
  }

  it("REQ-CL-10 caching_sha2_password: in full by the server's key, then fast, without TLS", async () => {
    const front = await startMysql8Front(server);
    try {
      const first = await logins(front);
      assert.equal(first[0], "rsa");
      assert.ok(first.length > 1);
      assert.deepEqual(new Set(first.slice(1)), new Set(["fast"]));
      assert.deepEqual(new Set(await logins(front)), new Set(["fast"]));
      front.forget();
      assert.equal((await logins(front))[0], "rsa");
    } finally {
      await front.stop();
    }
  });

  it("REQ-CL-10 caching_sha2_password in full through TLS", async () => {
    const front = await startMysql8Front(server, { certificate });
    try {
      const all = await logins(front, "tls=custom");
      assert.equal(all[0], "tls");
      assert.ok(!all.includes("rsa") && !all.includes("refused"), all.join());
      front.forget();
      assert.equal((await logins(front, "tls=skip-verify"))[0], "tls");
    } finally {
      await front.stop();
    }
  });

  it("REQ-CL-10 sha256_password", async () => {
    const front = await startMysql8Front(server, { plugin: "sha256_password" });
    try {
      assert.deepEqual(new Set(await logins(front)), new Set(["rsa"]));
    } finally {
      await front.stop();
    }
  });

  it("REQ-CL-10 a wrong password is named as such, and not shown", async () => {
    const front = await startMysql8Front(server);
    try {
      const { name } = await server.database();
      const dsn = server.dsn(name, { port: front.port, password: "not-the-password" });
      const program = new Program(tollgateProgram(), [], {
        cwd: dir,
        env: { PORT: String(await freePort()), TOLLGATE_DATA_DIR: dir, TOLLGATE_LOG_DIR: "-", TOLLGATE_START_WAIT: "1s", SQL_DSN: dsn },
      });
      assert.equal(await program.exit, 78);
      assert.match(program.output, /FATAL 78 SQL_DSN: .*Access denied/);
      assert.ok(!program.output.includes("not-the-password"));
      assert.deepEqual(new Set(front.logins), new Set(["refused"]));
    } finally {
      await front.stop();
    }
  });
});

describe("a cluster over MySQL 8", { timeout: 240_000 }, () => {
  let cluster;
  after(async () => {
    await stopLoads();
    await cluster?.stop();
  });

  it("says nothing that MySQL 8 does not take: schema, management, requests under load; the books agree", async () => {
    assert.equal(refusedByMysql8("SELECT rank FROM t"), "rank is a reserved word");
    assert.equal(refusedByMysql8("SELECT `rank`, 'rank', RANK() OVER (ORDER BY a) FROM t"), undefined);
    cluster = await Cluster.start({ sql: "mysql8", front: "haproxy" });
    const { front } = cluster.server;
    const since = await before(cluster);
    const load = await begin(cluster, 8);
    const admin = await cluster.login(cluster.nodes[1]);
    for (const path of ["/api/log/?p=1&page_size=10", "/api/log/stat", "/api/channel/?p=1&page_size=10&id_sort=true", "/api/channel/search?keyword=a", "/api/token/?p=1&page_size=10",
      "/api/user/?p=1&page_size=10", "/api/user/search?keyword=root", "/api/data/", "/api/tollgate/cluster"])
      await admin.call("GET", path);
    await wholeAndExact(cluster, load, since);
    assert.ok(front.logins.length > 2 && !front.logins.includes("refused"));
    assert.deepEqual(front.refused, []);
  });
});
