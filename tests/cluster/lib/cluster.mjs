// Several gateways over one database and one Redis, behind nginx: each on a loopback address of its own and all on port
// 3000, as on servers of their own.
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Account, eventually, rootName, rootPassword, startGateway, startMock } from "../../e2e/lib/gateway.mjs";
import { startServer } from "../../e2e/lib/databases.mjs";
import { startFaultRelay } from "../../e2e/lib/fault_relay.mjs";
import { runNginx } from "../../e2e/lib/nginx.mjs";
import { Program, freePort, removeDir, root, tempDir } from "../../e2e/lib/process.mjs";
import { startRedis } from "../../e2e/lib/redis.mjs";
import { text } from "./guide.mjs";

/** A loopback network that no other test has: `address(1)` is its first host. */
export function network() {
  const [a, b] = [64 + (randomBytes(1)[0] % 128), 1 + (randomBytes(1)[0] % 250)];
  return (host) => `127.${a}.${b}.${host}`;
}

/** nginx with a file of the deployment guide, or another; `lines` go into the http block before it. */
export async function startFront(config, { lines = "" } = {}) {
  const port = Number(/listen (?:[\d.]+:)?(\d+)/.exec(config)[1]);
  const nginx = await runNginx(port, () => `  access_log off;\n${lines}\n${config}`);
  return { url: `http://127.0.0.1:${port}`, port, reload: () => nginx.signal("SIGHUP"), stop: nginx.stop };
}

/** HAProxy with the shipped file, the addresses of `nodes` (master first) and a free port. */
export async function startHaproxyFront(nodes) {
  const port = await freePort();
  const dir = tempDir("haproxy");
  const file = join(dir, "haproxy.cfg");
  writeFileSync(
    file,
    readFileSync(join(root, "deploy/haproxy/haproxy.cfg"), "utf8")
      .replace("maxconn 20000", "maxconn 4000") // machines of tests have few descriptors
      .replace("bind :80", `bind 127.0.0.1:${port}`)
      .replace("master-node-ip", nodes[0].host)
      .replace("slave-node1-ip", nodes[1].host)
      .replace("slave-node2-ip", nodes[2].host),
  );
  const haproxy = new Program("haproxy", ["-W", "-db", "-f", file]);
  const url = `http://127.0.0.1:${port}`;
  await haproxy.until(() => fetch(`${url}/livez`).then(({ ok }) => ok, () => false), "haproxy");
  return {
    url,
    port,
    reload: () => process.kill(haproxy.pid, "SIGUSR2"),
    /** How often it has read its file. */
    loaded: () => (haproxy.output.match(/New worker/g) ?? []).length,
    async stop() {
      await haproxy.stop("SIGTERM", 5000);
      removeDir(dir);
    },
  };
}

/** The guide's nginx block with the addresses of `nodes` (master first) and a free port. */
export async function guideConfig(nodes) {
  const port = await freePort();
  return text("nginx.conf")
    .replace("listen 80;", `listen 127.0.0.1:${port};`)
    .replace("master-node-ip", nodes[0].host)
    .replace("slave-node1-ip", nodes[1].host)
    .replace("slave-node2-ip", nodes[2].host);
}

export class Cluster {
  /**
   * `slaves` beside one master; `sql`: "mysql", "postgres" or a server; `redis`: a server, true or false; `env` for
   * every node, or a function that makes it when the servers run; `hosts`: their /etc/hosts; `front`: the guide's nginx
   * block, or "haproxy" with the shipped file. `setup`: an administrator, a channel to the stand-in provider, and a key.
   * `entry(server, database)`: starts what stands before the database, and gives the SQL_DSN through it. `links`: each
   * node reaches the database and Redis through relays of its own, `node.links.sql` and `node.links.redis`.
   */
  static async start({ slaves = 2, sql = "mysql", redis = true, env = {}, front = false, setup = true, workers = 1, entry, links = false, hosts } = {}) {
    const self = new Cluster();
    Object.assign(self, { nodes: [], address: network(), workers, hosts, linked: links });
    try {
      self.server = typeof sql === "string" ? await startServer(sql) : sql;
      self.database = await self.server.database();
      if (redis) self.redis = redis === true ? await startRedis({ password: "password-of-redis-cnry" }) : redis;
      self.mock = await startMock({ keep: 0 });
      self.env = {
        SQL_DSN: entry ? await entry(self.server, self.database) : self.database.dsn,
        SESSION_SECRET: "a session secret of one cluster",
        CRYPTO_SECRET: "a crypto secret of one cluster",
        ...(redis ? { REDIS_CONN_STRING: self.redis.url } : {}),
        ...(typeof env === "function" ? await env(self) : env),
      };
      await self.add();
      await Promise.all(Array.from({ length: slaves }, () => self.add({ NODE_TYPE: "slave" })));
      if (front === "haproxy") self.front = await startHaproxyFront(self.nodes);
      else if (front) self.front = await startFront(await guideConfig(self.nodes));
      if (setup) {
        self.admin = await Account.setup(self.nodes[0].url);
        await self.admin.channel({ base_url: self.mock.url, models: "gpt-4o-mini" });
        self.key = (await self.admin.token({ name: "cluster" })).key;
        for (const node of self.nodes) await eventually(() => self.knows(node), `${node.name} knows the channel`, 10_000);
      }
    } catch (error) {
      await self.stop().catch(() => {});
      throw error;
    }
    return self;
  }

  /** One more node; `master` first, then node2, node3 … */
  async add(env = {}) {
    const index = this.nodes.length;
    const node = { index, name: index === 0 ? "master" : `node${index + 1}`, host: this.address(index + 1), env };
    this.nodes.push(node);
    node.dir = tempDir(node.name);
    if (this.linked) await this.link(node);
    await this.restart(node);
    return node;
  }

  async link(node) {
    node.links = { sql: await startFaultRelay(this.server.port) };
    node.env = { SQL_DSN: this.server.dsn(this.database.name, { port: node.links.sql.port }), ...node.env };
    if (!this.redis) return;
    node.links.redis = await startFaultRelay(this.redis.port);
    node.env = { REDIS_CONN_STRING: this.redis.url.replace(/:\d+$/, `:${node.links.redis.port}`), ...node.env };
  }

  /** Starts a node that is not running, on its data and its address; `node.path`: with another build. */
  async restart(node, env = {}) {
    const gateway = await startGateway({
      dir: node.dir,
      host: node.host,
      port: 3000,
      workers: this.workers,
      path: node.path,
      wait: 60_000,
      hosts: this.hosts,
      env: { TOLLGATE_NODE_NAME: node.name, ...this.env, ...node.env, ...env },
    });
    return Object.assign(node, gateway, { host: node.host, env: node.env });
  }

  get master() {
    return this.nodes[0];
  }
  get slaves() {
    return this.nodes.slice(1);
  }

  login(node = this.master) {
    return Account.login(node.url, rootName, rootPassword);
  }

  /** Whether the node knows the key and the channel; costs nothing. */
  async knows(node) {
    const answer = await fetch(`${node.url}/v1/models`, { headers: { Authorization: `Bearer ${this.key}` } });
    return (await answer.text()).includes("gpt-4o-mini") && answer.status === 200;
  }

  /** Whether it answers a request, of a unit. */
  async serves(node) {
    const answer = await fetch(`${node.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${this.key}` },
      body: JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "[[mock usage=1:1]] hello" }] }),
    });
    await answer.text();
    return answer.status === 200;
  }

  async stop() {
    for (const { links } of this.nodes) for (const link of Object.values(links ?? {})) link.hold(false);
    const ended = await Promise.allSettled(this.nodes.map((node) => node.stop?.()));
    for (const { links } of this.nodes) for (const link of Object.values(links ?? {})) await link.stop();
    await this.front?.stop();
    await this.mock?.stop();
    await this.redis?.stop();
    await this.server?.stop();
    for (const node of this.nodes) removeDir(node.dir);
    const failed = ended.find(({ status }) => status === "rejected");
    if (failed) throw failed.reason;
  }
}
