// A gateway in a folder of its own, on SQLite or the database that TOLLGATE_TEST_SQL names, a stand-in provider, and the management calls that set them up.
// Used by the end-to-end tests and by the bench.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { canary, check, register, watch } from "./canary.mjs";
import { databaseOf } from "./databases.mjs";
import { Program, freePort, mockProgram, removeDir, tempDir, tollgateProgram } from "./process.mjs";

export const rootName = "root";
export const adminToken = canary("operators");
/** The key of the channels that the tests make. */
export const upstreamKey = `sk-${canary("upstream", "upstream")}`;
const sessionSecret = canary("session");
export const rootPassword = register("cnry horse battery"); // at most 20 characters

/** The stand-in provider; tests/mock_upstream/README.md says what it can be told. */
export async function startMock({ recordings = ".", keep = 1000, cpu } = {}) {
  const args = ["--port", "0", "--recordings", recordings, "--keep", String(keep)];
  const mock = new Program(mockProgram(), args, { cpu });
  const address = await mock.until((out) => /listening on (\S+)\n/.exec(out)?.[1], "mock_upstream");
  const url = `http://${address}`;
  const get = async (path, method = "GET") => (await fetch(url + path, { method })).json();
  return {
    url,
    address,
    pid: mock.pid,
    /** Base URL of a channel whose answers follow the scenario. */
    base: (scenario) => (scenario ? `${url}/x/${scenario}` : url),
    requests: () => get("/_mock/requests"),
    clear: () => get("/_mock/requests", "DELETE"),
    stats: () => get("/_mock/stats"),
    stop: () => mock.stop("SIGKILL"),
  };
}

/** Whether a process of ours can be given files of its own in the place of the system's. */
export function canReplaceFiles() {
  try {
    execFileSync("unshare", ["-m", "mount", "--bind", "/etc/hosts", "/etc/hosts"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** The program where `hosts` stands for /etc/hosts and no name server answers: in a mount namespace of its own. */
function inNamespace(home, hosts, program) {
  const silent = join(home, "resolv.conf");
  writeFileSync(silent, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
  const script = 'mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && exec "$3"';
  return ["unshare", "-m", "sh", "-c", script, "sh", hosts, silent, program];
}

/**
 * Starts the gateway and waits until it answers, at most `wait` ms. Without `dir` a new folder is made and removed by
 * stop(); `path`: another build; `hosts`: a file that says what names mean to it.
 * The limits on /api by address are off, because a test asks often.
 */
export async function startGateway({ dir, env = {}, cpu, workers = 1, host = "127.0.0.1", port: wanted, path, wait, hosts } = {}) {
  const own = dir === undefined;
  const home = dir ?? tempDir("gateway");
  const port = wanted ?? (await freePort());
  const database = await databaseOf(home);
  const [command, ...args] = hosts ? inNamespace(home, hosts, path ?? tollgateProgram()) : [path ?? tollgateProgram()];
  const program = new Program(command, args, {
    cpu,
    cwd: home,
    env: {
      PORT: String(port),
      TOLLGATE_LISTEN: `${host}:${port}`,
      // Of a server, which keeps its address over restarts; another one would look like a copy of the data directory.
      TOLLGATE_ADVERTISE: `http://${host}:3000`,
      TOLLGATE_DATA_DIR: home,
      TOLLGATE_LOG_DIR: join(home, "logs"),
      TOLLGATE_WORKERS: String(workers),
      SQLITE_PATH: join(home, "tollgate.db"),
      ...(database ? { SQL_DSN: database.dsn } : {}),
      SESSION_SECRET: sessionSecret,
      GLOBAL_API_RATE_LIMIT_ENABLE: "false",
      GLOBAL_WEB_RATE_LIMIT_ENABLE: "false",
      CRITICAL_RATE_LIMIT_ENABLE: "false",
      // A loaded test machine under sanitizers runs late without meaning it.
      TOLLGATE_MAX_LOOP_LAG: "0s",
      TOLLGATE_ADMIN_TOKEN: adminToken,
      ...env,
    },
  });
  const url = `http://${host}:${port}`;
  await program.until(async () => {
    try {
      return (await fetch(`${url}/api/status`)).ok;
    } catch {
      return false;
    }
  }, "tollgate", wait);
  return {
    url,
    port,
    dir: home,
    /** Of a gateway that is not on SQLite: { name, dsn, sql(text) }. */
    database,
    pid: program.pid,
    output: () => program.output,
    /** How it ended, once it has: exit code or signal. */
    exited: program.exit,
    /** What the node says of itself. */
    health: async () =>
      (await fetch(`${url}/-/health`, { headers: { Authorization: `Bearer ${adminToken}` } })).json(),
    /** Ends it at once, as a crash would. */
    kill: () => program.stop("SIGKILL"),
    /** In good order, with `ms` for what runs. */
    async stop(ms) {
      const how = await program.stop("SIGTERM", ms);
      try {
        check(program.output, join(home, "logs"));
      } finally {
        if (own) removeDir(home);
        if (own) await database?.drop();
      }
      if (how !== 0 && how !== "SIGKILL") throw new Error(`the gateway ended with ${how}:\n${program.output}`);
    },
  };
}

/** A logged-in user of the management API. */
export class Account {
  constructor(url) {
    this.url = url;
  }

  /** Answers the `data` member; an answer without success is an error. */
  async call(method, path, body) {
    const headers = { "Content-Type": "application/json" };
    if (this.cookie) headers.Cookie = this.cookie;
    if (this.id !== undefined) headers["New-Api-User"] = String(this.id);
    const response = await fetch(this.url + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    watch(`${method} ${path}`, text);
    let answer;
    try {
      answer = JSON.parse(text);
    } catch {
      throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
    }
    if (!response.ok || !answer.success) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
    const cookie = response.headers.get("set-cookie");
    if (cookie) this.cookie = /(session=[^;]*)/.exec(cookie)?.[1] ?? this.cookie;
    return answer.data;
  }

  static async login(url, username, password) {
    const account = new Account(url);
    account.id = (await account.call("POST", "/api/user/login", { username, password })).id;
    return account;
  }

  /** The administrator of a fresh installation. */
  static async setup(url, { selfUse = true } = {}) {
    await new Account(url).call("POST", "/api/setup", {
      username: rootName,
      password: rootPassword,
      confirmPassword: rootPassword,
      SelfUseModeEnabled: selfUse,
      DemoSiteEnabled: false,
    });
    const root = await Account.login(url, rootName, rootPassword);
    // A test machine may be as busy as it likes.
    await root.option("performance_setting.monitor_enabled", "false");
    return root;
  }

  option(key, value) {
    return this.call("PUT", "/api/option/", { key, value });
  }

  channel(channel) {
    return this.call("POST", "/api/channel/", {
      mode: "single",
      channel: { type: 1, name: "mock", key: upstreamKey, group: "default", ...channel },
    });
  }

  /** A key for clients, with `sk-` before it. */
  async token(fields = {}) {
    const data = await this.call("POST", "/api/token/", {
      name: "e2e",
      unlimited_quota: true,
      expired_time: -1,
      ...fields,
    });
    // The one answer in which a client's key stands.
    register(data.key.replace(/^sk-/, ""));
    return { id: data.id, key: data.key.startsWith("sk-") ? data.key : `sk-${data.key}` };
  }

  /** Of this user, with every charge in it that was journaled before: the ledger writes them a moment later. */
  async balance() {
    const headers = { Authorization: `Bearer ${adminToken}` };
    await eventually(async () => {
      const { journal } = await (await fetch(`${this.url}/-/health`, { headers })).json();
      // Tests with a token of their own see no more than that the node lives.
      return !journal || (journal.queued === 0 && journal.main_behind === 0);
    }, "every journaled charge is in the balance");
    return (await this.call("GET", "/api/user/self")).quota;
  }

  /** All consume rows of the installation, newest first. */
  async consumeRows() {
    const rows = [];
    for (let page = 1; ; ++page) {
      const { items } = await this.call("GET", `/api/log/?p=${page}&page_size=100&type=2`);
      rows.push(...items);
      if (items.length < 100) return rows;
    }
  }

  /** The consume row of a request, waited for: rows are written behind the answer. */
  async row(requestId, ms = 15_000) {
    const end = Date.now() + ms;
    for (;;) {
      const page = await this.call("GET", `/api/log/?p=1&page_size=10&type=2&request_id=${requestId}`);
      if (page.items.length > 0) return { ...page.items[0], rows: page.items.length };
      if (Date.now() > end) throw new Error(`no log row for request ${requestId}`);
      await sleep(20);
    }
  }
}

/** Provider, gateway, administrator: what most test files start from. */
export async function startAll({ recordings, scenario, models, env } = {}) {
  const mock = await startMock({ recordings });
  let gateway;
  try {
    gateway = await startGateway({ env });
    const admin = await Account.setup(gateway.url);
    if (models) await admin.channel({ base_url: mock.base(scenario), models });
    return {
      mock,
      gateway,
      admin,
      async stop() {
        await gateway.stop();
        await mock.stop();
      },
    };
  } catch (error) {
    await gateway?.stop();
    await mock.stop();
    throw error;
  }
}

/** Asks again until `condition` gives something; for what the gateway does behind an answer. */
export async function eventually(condition, what, ms = 15_000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(20);
  }
}
