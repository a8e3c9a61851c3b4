// MariaDB and PostgreSQL servers of the tests: from Debian's packages, in temporary folders, on free ports of
// 127.0.0.1, as an unprivileged user when the tests run as root. Nothing of them is left after stop(), or our own end.
//
//   const server = await startMariadb({ tls: true });
//   const database = await server.database();      // fresh: { name, dsn, sql(), drop() }
//   …
//   await server.stop();
//
// "mysql8" is MariaDB with MySQL 8's modes behind a stand-in for that server (mysql8_front.mjs).
//
// As a program: node lib/databases.mjs mysql|mysql8|postgres COMMAND… runs the command with one such server for all its tests;
// node lib/databases.mjs serve is for tests in other languages: each line of input is "fresh|freeze|thaw|kill|restart
// KIND", each is answered by a line, and the servers end with the input.
import { execFile, execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { register } from "./canary.mjs";
import { startMysql8Front } from "./mysql8_front.mjs";
import { Program, childrenOf, freePort, removeDir, tempDir } from "./process.mjs";
import { mountSmallDisk } from "./small_disk.mjs";

const run = promisify(execFile);
const asRoot = process.getuid() === 0;
const postgresPrograms = "/usr/lib/postgresql/15/bin";
const signal = (pids, name) => {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {} // it ended in the meantime
  }
};

/** User and group numbers of a system user. */
function systemUser(name) {
  const fields = execFileSync("getent", ["passwd", name], { encoding: "utf8" }).split(":");
  return { uid: Number(fields[2]), gid: Number(fields[3]) };
}

/** A private authority and a certificate for `host` alone; paths of ca, certificate and key. */
function certificates(dir, host) {
  const file = (name) => join(dir, name);
  const openssl = (...args) => execFileSync("openssl", args, { stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", "-x509", ...key, "-keyout", file("ca.key"), "-out", file("ca.pem"), "-days", "2", "-subj", "/CN=Test CA");
  openssl("req", ...key, "-keyout", file("server.key"), "-out", file("server.csr"), "-subj", `/CN=${host}`);
  writeFileSync(file("names"), `subjectAltName=DNS:${host}\n`);
  openssl("x509", "-req", "-in", file("server.csr"), "-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-days", "2",
    "-CAcreateserial", "-extfile", file("names"), "-out", file("server.pem"));
  chmodSync(file("server.key"), 0o600);
  return { ca: file("ca.pem"), certificate: file("server.pem"), key: file("server.key") };
}

let made = 0;

/** What both kinds of servers can do; `kind` is "mysql" or "postgres". */
class Server {
  constructor({ kind, dir, port, password, ca, entry }) {
    Object.assign(this, { kind, dir, port, password, ca, entry });
    this.host = "127.0.0.1";
  }

  /** An empty database whose name has a hyphen, as the one of the deployment guide. */
  async database(name = `new-api-${process.pid}-${++made}`) {
    await this.sql(this.kind === "mysql" ? `CREATE DATABASE \`${name}\` CHARACTER SET utf8mb4` : `CREATE DATABASE "${name}"`);
    return this.existing(name);
  }

  existing(name) {
    return {
      name,
      dsn: this.dsn(name),
      sql: (text) => this.sql(text, name),
      /** An identifier that is a reserved word somewhere. */
      quoted: (word) => (this.kind === "mysql" ? `\`${word}\`` : `"${word}"`),
      client: () => this.client(name),
      drop: () => this.sql(this.kind === "mysql" ? `DROP DATABASE \`${name}\`` : `DROP DATABASE "${name}" WITH (FORCE)`),
    };
  }

  /** The value of SQL_DSN. `host` and `port` are for what stands in between. */
  dsn(database, { host = this.host, port = this.entry ?? this.port, user = "root", password = this.password, params = "" } = {}) {
    const query = params ? `?${params}` : "";
    if (this.kind === "mysql") return `${user}:${password}@tcp(${host}:${port})/${database}${query}`;
    return `postgresql://${user}:${password}@${host}:${port}/${database}${query}`;
  }

  /** Runs a text of SQL as the administrator over TCP; rows as arrays of texts, NULL as "NULL". */
  async sql(text, database = this.kind === "mysql" ? "mysql" : "postgres") {
    const { stdout } = this.kind === "mysql"
      ? await run("mariadb", ["-h", this.host, "-P", String(this.port), "-u", "root", "-N", "-B", "-r", "-e", text, database],
          { env: { PATH: process.env.PATH, MYSQL_PWD: this.password }, maxBuffer: 1 << 28 })
      : await run("psql", ["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-P", "null=NULL",
            "-h", this.host, "-p", String(this.port), "-U", "root", "-d", database, "-c", text],
          { env: { PATH: process.env.PATH, PGPASSWORD: this.password, PGCONNECT_TIMEOUT: "5" }, maxBuffer: 1 << 28 });
    return stdout.split("\n").filter(Boolean).map((line) => line.split("\t"));
  }

  /** The command line of the server's own client, reading statements from its input. */
  client(database) {
    return this.kind === "mysql"
      ? { command: ["mariadb", "-h", this.host, "-P", String(this.port), "-u", "root", "-N", "-B", "-n", database],
          env: { MYSQL_PWD: this.password } }
      : { command: ["psql", "-X", "-q", "-A", "-t", "-h", this.host, "-p", String(this.port), "-U", "root", "-d", database],
          env: { PGPASSWORD: this.password } };
  }

  /** Stops every process of the server where it is, as a frozen machine would. */
  freeze() {
    signal([this.program.pid, ...childrenOf(this.program.pid)], "SIGSTOP");
  }
  thaw() {
    signal([...childrenOf(this.program.pid), this.program.pid], "SIGCONT");
  }

  /** Ends every process of it at once. */
  async kill() {
    const all = [this.program.pid, ...childrenOf(this.program.pid)];
    signal(all, "SIGKILL");
    await this.program.exit;
    while (all.some((pid) => existsSync(`/proc/${pid}`) && !/^State:\s+[ZX]/m.test(statusOf(pid)))) await sleep(10);
  }

  /** After kill(), or an end in good order: the same data, the same port. */
  async restart() {
    if (!this.program.ended) await this.end();
    await this.start();
  }

  async end() {
    this.thaw();
    // SIGINT is PostgreSQL's "now, but in order".
    await this.program.stop(this.kind === "mysql" ? "SIGTERM" : "SIGINT");
  }

  async stop() {
    await this.front?.stop();
    if (!this.program.ended) await this.end();
    this.disk?.unmount();
    removeDir(this.dir);
  }

  /** Waits until a statement is answered. */
  async ready() {
    await this.program.until(async () => {
      try {
        await this.sql("SELECT 1");
        return true;
      } catch {
        return sleep(50, false);
      }
    }, this.kind, 60_000);
  }
}

const statusOf = (pid) => {
  try {
    return readFileSync(`/proc/${pid}/status`, "latin1");
  } catch {
    return "State: X";
  }
};

/**
 * `tls`: true or { host } makes a certificate for that name (default localhost) by an authority of its own, `ca`, and
 * refuses connections without TLS. `args` go to the server as they are. `disk`: megabytes of a file system of its own
 * for its data, `server.disk`.
 */
export async function startMariadb({ tls = false, args = [], port, disk } = {}) {
  const dir = tempDir("mariadb");
  const data = join(dir, "data");
  if (disk) mkdirSync(data);
  const small = disk && mountSmallDisk(disk, data);
  const owner = asRoot ? systemUser("mysql") : undefined;
  const files = tls ? certificates(dir, tls.host ?? "localhost") : undefined;
  if (owner) {
    chownSync(dir, owner.uid, owner.gid);
    if (small) chownSync(data, owner.uid, owner.gid);
    if (files) chownSync(files.key, owner.uid, owner.gid);
  }
  execFileSync("mariadb-install-db", [
    "--no-defaults", `--datadir=${data}`, "--auth-root-authentication-method=normal", "--skip-test-db",
    // A server that starts clears what others have under way in a folder for temporary files that they share.
    "--skip-name-resolve", "--innodb-log-file-size=8M", `--tmpdir=${dir}`, ...(asRoot ? ["--user=mysql"] : []),
  ], { stdio: "pipe" });
  const password = register(`pw-${process.pid.toString(36)}-${(++made).toString(36)}-mariadb-canary`);
  const server = new Server({ kind: "mysql", dir, port: port ?? (await freePort()), password, ca: files?.ca });
  server.disk = small; // null where mounting is not allowed
  writeFileSync(join(dir, "init.sql"), [
    `CREATE OR REPLACE USER 'root'@'%' IDENTIFIED BY '${password}';`,
    `CREATE OR REPLACE USER 'root'@'127.0.0.1' IDENTIFIED BY '${password}';`,
    "GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;",
    "GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;",
    `ALTER USER 'root'@'localhost' IDENTIFIED BY '${password}';`,
  ].join("\n") + "\n");
  server.start = async () => {
    server.program = new Program("mariadbd", [
      "--no-defaults", `--datadir=${data}`, `--port=${server.port}`, "--bind-address=127.0.0.1",
      `--tmpdir=${dir}`, `--socket=${join(dir, "mysqld.sock")}`, `--pid-file=${join(dir, "mysqld.pid")}`,
      ...(server.program ? [] : [`--init-file=${join(dir, "init.sql")}`]),
      "--skip-name-resolve", "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M",
      "--innodb-flush-log-at-trx-commit=2", // the machine stays up: what is committed survives kill -9
      "--max-connections=300", ...(asRoot ? ["--user=mysql"] : []),
      ...(files ? [`--ssl-ca=${files.ca}`, `--ssl-cert=${files.certificate}`, `--ssl-key=${files.key}`] : []),
      ...args,
    ], { cwd: dir });
    await server.ready();
  };
  await server.start();
  if (tls) await server.sql("SET GLOBAL require_secure_transport=ON");
  return server;
}

/** As startMariadb(); `args` are settings like "-c", "max_connections=10". */
export async function startPostgres({ tls = false, args = [], port } = {}) {
  const dir = tempDir("postgres");
  const data = join(dir, "data");
  const files = tls ? certificates(dir, tls.host ?? "localhost") : undefined;
  const prefix = asRoot ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];
  mkdirSync(data, { mode: 0o700 });
  const password = register(`pw-${process.pid.toString(36)}-${(++made).toString(36)}-postgres-canary`);
  writeFileSync(join(dir, "password"), password);
  if (asRoot) {
    const owner = systemUser("postgres");
    for (const path of [dir, data, join(dir, "password"), ...(files ? [files.key] : [])]) chownSync(path, owner.uid, owner.gid);
  }
  const initdb = [...prefix, join(postgresPrograms, "initdb"), "-D", data, "-U", "root", "-A", "scram-sha-256",
    `--pwfile=${join(dir, "password")}`, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"];
  execFileSync(initdb[0], initdb.slice(1), { stdio: "pipe" });
  if (tls)
    writeFileSync(join(data, "pg_hba.conf"), "hostssl all all 0.0.0.0/0 scram-sha-256\nhostssl all all ::/0 scram-sha-256\n");
  const server = new Server({ kind: "postgres", dir, port: port ?? (await freePort()), password, ca: files?.ca });
  server.start = async () => {
    const command = [...prefix, join(postgresPrograms, "postgres"), "-D", data, "-p", String(server.port),
      "-c", "listen_addresses=127.0.0.1", "-c", `unix_socket_directories=${dir}`, "-c", "dynamic_shared_memory_type=mmap",
      "-c", "fsync=off", "-c", "max_connections=200", "-c", "shared_buffers=32MB",
      ...(files ? ["-c", "ssl=on", "-c", `ssl_cert_file=${files.certificate}`, "-c", `ssl_key_file=${files.key}`] : []),
      ...args];
    server.program = new Program(command[0], command.slice(1), { cwd: dir });
    await server.ready();
  };
  await server.start();
  return server;
}

/** `front`: what startMysql8Front() takes. */
export async function startMysql8({ front, ...options } = {}) {
  const modes = "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION";
  const server = await startMariadb({ ...options, args: [`--sql-mode=${modes}`, ...(options.args ?? [])] });
  server.front = await startMysql8Front(server, front);
  server.entry = server.front.port;
  return server;
}

export const startServer = (kind, options) =>
  ({ mysql: startMariadb, mysql8: startMysql8, postgres: startPostgres })[kind](options);

/** The kind of database the suite runs on: undefined is SQLite. */
export const testKind = process.env.TOLLGATE_TEST_SQL || undefined;

/**
 * With TOLLGATE_TEST_SQL=mysql|postgres: the database that belongs to a gateway's folder, made when it is first asked
 * for. Its server is the one that tests/e2e/run started.
 */
export async function databaseOf(dir) {
  if (!testKind) return undefined;
  const given = process.env.TOLLGATE_TEST_SQL_SERVER;
  if (!given) throw new Error("TOLLGATE_TEST_SQL is for tests/e2e/run, which starts the server");
  const server = new Server(JSON.parse(given));
  register(server.password);
  const note = join(dir, ".database");
  if (existsSync(note)) return server.existing(readFileSync(note, "utf8"));
  const database = await server.database();
  writeFileSync(note, database.name);
  return database;
}

/**
 * Another writer that keeps the ledger of the gateway in `dir` waiting: the whole file of SQLite, the rows of users on
 * a server. Resolves, once it does, with the function that ends it.
 */
export async function holdWrites(dir) {
  const database = await databaseOf(dir);
  const { command, env } = database?.client() ?? { command: ["sqlite3", join(dir, "tollgate.db")] };
  const writer = spawn(command[0], command.slice(1), { env: { PATH: process.env.PATH, ...env } });
  writer.stdin.write(`${database ? "BEGIN; SELECT id FROM users ORDER BY id FOR UPDATE" : "BEGIN IMMEDIATE"};\nSELECT 'held';\n`);
  await new Promise((done) =>
    writer.stdout.on("data", (text) => {
      if (String(text).includes("held")) done();
    }),
  );
  return () => writer.stdin.end("ROLLBACK;\n");
}

async function serve() {
  const servers = {};
  const verbs = {
    fresh: async (server) => (await server.database()).dsn,
    freeze: (server) => server.freeze(),
    thaw: (server) => server.thaw(),
    kill: (server) => server.kill(),
    restart: (server) => server.restart(),
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const [verb, kind] = line.split(" ");
    servers[kind] ??= await startServer(kind);
    console.log((await verbs[verb](servers[kind])) ?? "done");
  }
  for (const server of Object.values(servers)) await server.stop();
}

async function runWith(kind, command) {
  const server = await startServer(kind);
  const { dir, port, password, entry } = server;
  const child = spawn(command[0], command.slice(1), {
    stdio: "inherit",
    env: {
      ...process.env,
      TOLLGATE_TEST_SQL: server.kind,
      TOLLGATE_TEST_SQL_SERVER: JSON.stringify({ kind: server.kind, dir, port, password, entry }),
    },
  });
  process.exitCode = await new Promise((done) => child.once("exit", (code) => done(code ?? 1)));
  for (const text of new Set(server.front?.refused)) {
    console.error(`not for MySQL 8: ${text}`);
    process.exitCode ||= 1;
  }
  await server.stop();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [what, ...command] = process.argv.slice(2);
  await (what === "serve" ? serve() : runWith(what, command));
}
