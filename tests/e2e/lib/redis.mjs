// Redis servers of Debian's package for tests: single ones, a sentinel group, a cluster. Each on free loopback ports, in a
// folder of its own, and gone when the test ends.
import { execFile, execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { startFaultRelay } from "./fault_relay.mjs";
import { Program, freePort, removeDir, tempDir } from "./process.mjs";

const execute = promisify(execFile);
const serverProgram = "/usr/bin/redis-server";

/** A private authority with one certificate for 127.0.0.1 and localhost: paths of ca, cert and key in `dir`. */
export function makeCertificates(dir) {
  const path = (name) => join(dir, name);
  const openssl = (...args) => execFileSync("openssl", args, { cwd: dir, stdio: "pipe" });
  openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.crt");
  openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr");
  writeFileSync(path("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "server.crt");
  return { ca: path("ca.crt"), cert: path("server.crt"), key: path("server.key") };
}

/** One server program that can be frozen, killed and started again on the same port with the same files. */
class Server {
  constructor({ dir, port, args, tls, auth = [], host = "127.0.0.1", sentinel = false }) {
    Object.assign(this, { dir, port, args, tls, auth, host, sentinel });
    this.address = `${host}:${port}`;
  }

  async start() {
    this.program = new Program(serverProgram, this.args, { cwd: this.dir });
    await this.program.until(async () => {
      try {
        return /PONG|NOAUTH|NOPERM|LOADING/.test(await this.cli("PING"));
      } catch {
        return false;
      }
    }, `redis-server on ${this.address}`);
    return this;
  }

  /** What redis-cli prints; an error of the server is a text like any other. */
  async cli(...args) {
    const tls = this.tls ? ["--tls", "--cacert", this.tls.ca, "--cert", this.tls.cert, "--key", this.tls.key] : [];
    const where = this.port ? ["-h", this.host, "-p", String(this.port)] : ["-s", this.socket];
    const { stdout } = await execute("redis-cli", [...where, ...tls, ...this.auth, "--no-auth-warning", ...args.map(String)], {
      timeout: 5000,
    });
    return stdout.trimEnd();
  }

  freeze() {
    process.kill(this.program.pid, "SIGSTOP");
  }
  thaw() {
    process.kill(this.program.pid, "SIGCONT");
  }
  kill() {
    return this.program.stop("SIGKILL");
  }
  async restart() {
    await this.kill();
    await this.start();
  }
  async stop() {
    await this.kill();
    if (this.ownDir) removeDir(this.ownDir);
  }
}

/**
 * A single server. With `password` it demands one; `acl` lines ("tollgate on >pw ~* &* +@all") add users; with `tls` it
 * speaks nothing else; with `unix` it has a socket beside its port. `url` is what REDIS_CONN_STRING takes.
 */
export async function startRedis({ password, acl = [], tls = false, unix = false, args = [], port, dir } = {}) {
  const own = dir === undefined;
  const home = dir ?? tempDir("redis");
  const at = port ?? (await freePort());
  const certificates = tls ? makeCertificates(home) : undefined;
  const given = ["--bind", "127.0.0.1", "--dir", home, "--save", "", "--appendonly", "no"];
  if (tls) given.push("--port", "0", "--tls-port", String(at), "--tls-cert-file", certificates.cert, "--tls-key-file", certificates.key, "--tls-ca-cert-file", certificates.ca, "--tls-auth-clients", "optional");
  else given.push("--port", String(at));
  if (password) given.push("--requirepass", password);
  for (const line of acl) given.push("--user", ...line.split(" "));
  if (unix) given.push("--unixsocket", join(home, "redis.sock"));
  const server = new Server({ dir: home, port: at, args: [...given, ...args], tls: certificates, auth: password ? ["-a", password] : [] });
  if (own) server.ownDir = home;
  server.url = `${tls ? "rediss" : "redis"}://${password ? `:${password}@` : ""}127.0.0.1:${at}`;
  server.unixUrl = unix ? `unix://${password ? `:${password}@` : ""}${join(home, "redis.sock")}` : undefined;
  server.certificates = certificates;
  return server.start();
}

/**
 * One primary with replicas, watched by sentinels that notice its death after a second. `link`: everybody reaches the
 * first primary through a relay, which is its announced address, and its death is noticed after three.
 */
export async function startSentinelGroup({ name = "mymaster", replicas = 2, sentinels = 3, password, link = false } = {}) {
  const dir = tempDir("sentinels");
  const auth = password ? ["-a", password] : [];
  const secret = password ? ["--requirepass", password, "--masterauth", password] : [];
  const data = [];
  let relay;
  for (let i = 0; i <= replicas; ++i) {
    const port = await freePort();
    if (link && i === 0) relay = await startFaultRelay(port);
    const follow = i > 0 ? ["--replicaof", "127.0.0.1", String(data[0].announced)] : relay ? ["--replica-announce-port", String(relay.port)] : [];
    const args = ["--bind", "127.0.0.1", "--port", String(port), "--dir", dir, "--dbfilename", `dump-${port}.rdb`, "--save", "",
      "--repl-diskless-sync-delay", "0", ...secret, ...follow];
    const server = new Server({ dir, port, args, auth });
    server.announced = i === 0 && relay ? relay.port : port;
    data.push(await server.start());
  }
  const watchers = [];
  for (let i = 0; i < sentinels; ++i) {
    const port = await freePort();
    const file = join(dir, `sentinel-${port}.conf`);
    const lines = [`bind 127.0.0.1`, `port ${port}`, `dir ${dir}`, `sentinel monitor ${name} 127.0.0.1 ${data[0].announced} ${Math.floor(sentinels / 2) + 1}`,
      `sentinel down-after-milliseconds ${name} ${link ? 3000 : 1000}`, `sentinel failover-timeout ${name} 5000`];
    if (password) lines.push(`sentinel auth-pass ${name} ${password}`);
    writeFileSync(file, `${lines.join("\n")}\n`);
    chmodSync(file, 0o600);
    watchers.push(await new Server({ dir, port, args: [file, "--sentinel"], sentinel: true }).start());
  }
  const group = {
    name,
    data,
    link: relay,
    sentinels: watchers,
    url: `redis://${password ? `:${password}@` : ""}${watchers.map((one) => one.address).join(",")}`,
    /** The server that the sentinels call the primary now. */
    async primary() {
      for (const one of watchers) {
        if (one.program.ended) continue;
        const port = Number((await one.cli("SENTINEL", "get-master-addr-by-name", name)).split("\n")[1]);
        return data.find((server) => server.announced === port);
      }
      throw new Error("no sentinel lives");
    },
    async stop() {
      await Promise.all([...watchers, ...data].map((one) => one.stop()));
      await relay?.stop();
      removeDir(dir);
    },
  };
  // A failover needs replicas and sentinels that know of each other.
  await until(async () => {
    const seen = await Promise.all(watchers.map((one) => one.cli("SENTINEL", "master", name)));
    return seen.every((text) => field(text, "num-slaves") === replicas && field(text, "num-other-sentinels") === sentinels - 1);
  }, "the sentinels know the group");
  return group;
}

/** `primaries` servers that share the slots, each with one replica when `replicas` is set. */
export async function startRedisCluster({ primaries = 3, replicas = 1, password } = {}) {
  const dir = tempDir("redis-cluster");
  const auth = password ? ["-a", password] : [];
  const secret = password ? ["--requirepass", password, "--masterauth", password] : [];
  const nodes = [];
  for (let i = 0; i < primaries * (1 + replicas); ++i) {
    // The bus listens 10000 higher.
    let port;
    do port = await freePort();
    while (port > 55_000);
    const args = ["--bind", "127.0.0.1", "--port", String(port), "--dir", dir, "--dbfilename", `dump-${port}.rdb`, "--save", "",
      "--cluster-enabled", "yes", "--cluster-config-file", `nodes-${port}.conf`, "--cluster-node-timeout", "1000",
      "--repl-diskless-sync-delay", "0", ...secret];
    nodes.push(await new Server({ dir, port, args, auth }).start());
  }
  const addresses = nodes.map((one) => one.address);
  const { stdout } = await execute("redis-cli", [...auth, "--no-auth-warning", "--cluster", "create", ...addresses, "--cluster-replicas", String(replicas), "--cluster-yes"], { timeout: 60_000 });
  if (!/All 16384 slots covered/.test(stdout)) throw new Error(stdout);
  const cluster = {
    nodes,
    url: `redis://${password ? `:${password}@` : ""}${addresses.slice(0, 3).join(",")}`,
    /** Lines of CLUSTER NODES as objects, told by a node that lives. */
    async view() {
      const living = nodes.find((one) => !one.program.ended);
      return (await living.cli("CLUSTER", "NODES")).split("\n").map((line) => {
        const [id, address, flags, , , , , link, ...slots] = line.split(" ");
        const port = Number(/:(\d+)@/.exec(address)[1]);
        return { id, port, flags: flags.split(","), link, slots, server: nodes.find((one) => one.port === port) };
      });
    },
    async primaries() {
      return (await cluster.view()).filter((one) => one.flags.includes("master") && !one.flags.some((flag) => flag.startsWith("fail")));
    },
    /** Moves slots from one node to another while they are in use. */
    async reshard(from, to, slots) {
      await execute("redis-cli", [...auth, "--no-auth-warning", "--cluster", "reshard", addresses[0], "--cluster-from", from, "--cluster-to", to, "--cluster-slots", String(slots), "--cluster-yes"], { timeout: 60_000 });
    },
    async stop() {
      await Promise.all(nodes.map((one) => one.stop()));
      removeDir(dir);
    },
  };
  await until(async () => (await Promise.all(nodes.map((one) => one.cli("CLUSTER", "INFO")))).every((text) => /cluster_state:ok/.test(text)), "the cluster is complete");
  await until(async () => (await cluster.view()).filter((one) => one.flags.includes("slave") && one.link === "connected").length === primaries * replicas, "the replicas follow");
  return cluster;
}

/** Asks again every 20 ms until `condition()` gives something. */
export async function until(condition, what, ms = 20_000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await sleep(20);
  }
}

const field = (text, name) => {
  const lines = text.split("\n");
  return Number(lines[lines.indexOf(name) + 1]);
};
