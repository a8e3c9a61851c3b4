// The files of deploy/: what they set is what the program takes, and what they configure accepts them.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import { Program, freePort, removeDir, root, tempDir, tollgateProgram } from "../lib/process.mjs";

const deploy = (...path) => join(root, "deploy", ...path);
const text = (...path) => readFileSync(deploy(...path), "utf8");
const compose = (name) => parse(text("compose", name), { merge: true });
const secrets = {
  SESSION_SECRET: "0123456789abcdef0123456789abcdef",
  CRYPTO_SECRET: "fedcba9876543210fedcba9876543210",
  SQL_DSN: "local",
  REDIS_CONN_STRING: "redis://127.0.0.1:1",
  FRONTEND_BASE_URL: "https://your-domain.com",
};

/** ${NAME}, ${NAME:-default}, ${NAME:?message} and $$, as compose has them. */
function interpolated(value, values) {
  return value.replace(/\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}/g, (all, name, kind, rest) => {
    if (all === "$$") return "$";
    if (values[name]) return values[name];
    assert.notEqual(kind, "?", `${name}: ${rest}`);
    return kind === "-" ? rest : "";
  });
}

function environment(service, values = secrets) {
  return Object.fromEntries(
    (service.environment ?? []).map((item) => {
      const [, name, value] = /^(\w+)=(.*)$/s.exec(item);
      return [name, interpolated(value, values)];
    }),
  );
}

/** ENV lines of the Dockerfile. */
function imageEnvironment() {
  const [, line] = /^ENV (.*)$/m.exec(text("Dockerfile"));
  return Object.fromEntries(line.split(" ").map((item) => item.split("=")));
}

const isNode = (service) => (service.image ?? "").startsWith("tollgate:");

describe("deploy", { timeout: 120_000 }, () => {
  let dir;
  before(() => {
    dir = tempDir("deploy");
    chmodSync(dir, 0o755);
  });
  after(() => removeDir(dir));

  it("REQ-CL-02 D4 every node of the compose files has settings that the program takes without a word", () => {
    let nodes = 0;
    for (const name of readdirSync(deploy("compose")).filter((file) => file.endsWith(".yml"))) {
      for (const [service, block] of Object.entries(compose(name).services)) {
        const env = environment(block);
        if (block.image) assert.match(block.image, /^[\w./-]+:\w[\w.-]*$/, `${name} ${service}`);
        if (!isNode(block)) continue;
        ++nodes;
        // Servers are the matter of other tests.
        const { SQL_DSN: _, REDIS_CONN_STRING: __, ...own } = env;
        const check = spawnSync(tollgateProgram(), ["config", "--check"], { env: { ...own, PATH: process.env.PATH }, cwd: dir, encoding: "utf8" });
        assert.deepEqual([check.status, check.stderr], [0, ""], `${name} ${service}`);
        assert.equal(block.stop_grace_period, "10m");
        assert.deepEqual(block.healthcheck.test, ["CMD", "/new-api", "healthcheck"]);
        assert.equal(block.ulimits.nofile, 1048576);
      }
    }
    assert.equal(nodes, 6);
  });

  it("REQ-CL-02 REQ-CL-22 the image's layout: fresh directories of root's are taken over, root's rights given up", async (t) => {
    if (process.getuid() !== 0) return t.skip("only root can give rights up");
    const env = { ...imageEnvironment(), ...environment(compose("single.yml").services.tollgate) };
    assert.deepEqual([env.TOLLGATE_DATA_DIR, env.TOLLGATE_LOG_DIR], ["/data", "/app/logs"]);
    const [data, logs] = [join(dir, "data"), join(dir, "app", "logs")];
    mkdirSync(data, { mode: 0o755 });
    mkdirSync(join(data, "below"));
    writeFileSync(join(data, "one-api.db"), ""); // of an installation that ran as root
    writeFileSync(join(data, "below", "of-root"), "");
    chmodSync(join(data, "one-api.db"), 0o600);
    const port = await freePort();
    const node = new Program(tollgateProgram(), [], {
      cwd: data,
      env: { ...env, TOLLGATE_DATA_DIR: data, TOLLGATE_LOG_DIR: logs, PORT: String(port), TOLLGATE_LISTEN: `127.0.0.1:${port}` },
    });
    t.after(() => node.stop("SIGKILL"));
    await node.until(() => fetch(`http://127.0.0.1:${port}/readyz`).then(({ ok }) => ok, () => false), "the node");
    const status = readFileSync(`/proc/${node.pid}/status`, "utf8");
    assert.match(status, /^Uid:\t10001\t10001\t10001\t10001$/m);
    assert.match(status, /^Gid:\t10001\t10001\t10001\t10001$/m);
    assert.match(status, /^CapEff:\t0+$/m);
    assert.match(status, /^CapBnd:\t0+$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
    for (const path of [data, join(data, "one-api.db"), join(data, "node.json"), logs, join(logs, "tollgate.log")])
      assert.equal(statSync(path).uid, 10001, path);
    assert.equal(statSync(join(data, "below", "of-root")).uid, 0);
    const env2 = { PATH: process.env.PATH, ...env, TOLLGATE_DATA_DIR: data };
    const check = spawnSync(tollgateProgram(), ["healthcheck"], { env: env2, encoding: "utf8" });
    assert.deepEqual([check.status, check.stdout], [0, "true\n"]);
    assert.equal(await node.stop(), 0);
  });

  it("REQ-CL-22 a data directory that cannot be written is refused, a log directory is warned about", async (t) => {
    if (process.getuid() !== 0) return t.skip("needs a directory of somebody else's");
    const theirs = join(dir, "theirs");
    mkdirSync(theirs, { mode: 0o755 });
    const run = (env) =>
      spawnSync(tollgateProgram(), [], { env: { PATH: process.env.PATH, TOLLGATE_LISTEN: "127.0.0.1:0", ...env }, cwd: dir, encoding: "utf8", timeout: 4000, uid: 10001, gid: 10001 });
    const refused = run({ TOLLGATE_DATA_DIR: theirs });
    assert.equal(refused.status, 73);
    assert.match(refused.stderr, /FATAL 73 TOLLGATE_DATA_DIR: .*tollgate\.lock: Permission denied; /);
    const own = join(dir, "own");
    mkdirSync(own, { mode: 0o777 });
    chmodSync(own, 0o777);
    const silent = run({ TOLLGATE_DATA_DIR: own, TOLLGATE_LOG_DIR: join(theirs, "logs"), SQLITE_PATH: join(own, "one-api.db") });
    assert.equal(silent.status, 0, silent.stderr); // it ran until it was told to stop
    assert.match(silent.stdout, /log directory .* cannot be written, logging to standard output only/);
  });

  it("REQ-CL-26 nginx takes the shipped file", () => {
    const file = text("nginx", "tollgate.conf").replace(/(master-node|slave-node\d)-ip/g, "127.0.0.1").replace("listen 80;", "listen 127.0.0.1:8099;");
    writeFileSync(join(dir, "nginx.conf"), `pid ${dir}/nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n${file}\n}\n`);
    const check = spawnSync("nginx", ["-t", "-e", "stderr", "-c", join(dir, "nginx.conf")], { encoding: "utf8" });
    assert.equal(check.status, 0, check.stderr);
  });

  it("REQ-CL-05 HAProxy takes the shipped file", () => {
    const check = spawnSync("haproxy", ["-c", "-f", deploy("haproxy", "haproxy.cfg")], { encoding: "utf8" });
    assert.equal(check.status, 0, check.stderr + check.stdout);
  });

  it("D4 systemd takes the unit", (t) => {
    if (spawnSync("systemd-analyze", ["--version"]).status !== 0) return t.skip("no systemd here");
    const unit = text("systemd", "tollgate.service")
      .replace("/usr/local/bin/tollgate ", `${tollgateProgram()} `)
      .replace(/^(User|Group)=tollgate$/gm, "$1=root");
    writeFileSync(join(dir, "tollgate.service"), unit);
    const check = spawnSync("systemd-analyze", ["verify", "--man=no", join(dir, "tollgate.service")], { encoding: "utf8" });
    const about = check.stderr.split("\n").filter((line) => line.includes("tollgate.service"));
    assert.deepEqual(about, []);
  });

  it("REQ-CL-02 the image installs every library that the program is linked against", (t) => {
    const dynamic = spawnSync("readelf", ["-d", tollgateProgram()], { encoding: "utf8" });
    const names = [...dynamic.stdout.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name);
    assert.ok(names.length > 5);
    if (names.some((name) => /[at]san/.test(name))) return t.skip("a build with sanitizers");
    const installed = /--no-install-recommends (ca-certificates tzdata[\s\S]*?) \\\n\s*&& rm/.exec(text("Dockerfile"))[1].split(/[\s\\]+/);
    for (const name of names) {
      const found = spawnSync("dpkg", ["-S", `*/${name}`], { encoding: "utf8" }).stdout;
      const owners = [...new Set([...found.matchAll(/^([^:,\s]+)[:,]/gm)].map(([, owner]) => owner))];
      assert.ok(owners.some((owner) => installed.includes(owner) || ["libc6", "libgcc-s1"].includes(owner)), `${name} of ${owners}`);
    }
    assert.ok(existsSync(deploy("compose", ".env.example")));
  });
});
