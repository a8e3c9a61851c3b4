// Starting and ending the programs under test, and what the kernel says about them.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");

/** The build directory: TOLLGATE_BUILD, or build/release. Relative paths start at the root of the tree. */
const build = resolve(root, process.env.TOLLGATE_BUILD ?? "build/release");

/** Path of a built program; the environment variable `override` wins. Throws when it is not there. */
export function program(override, ...places) {
  const candidates = process.env[override] ? [resolve(root, process.env[override])] : places.map((p) => join(build, p));
  const found = candidates.find((path) => existsSync(path));
  if (!found) throw new Error(`not built: ${candidates.join(" or ")} (./dev build, or set ${override})`);
  return found;
}

export const tollgateProgram = () => program("TOLLGATE_BIN", "src/app/tollgate", "tollgate");
/** The same with one schema step more, as a next release would be. */
export const nextProgram = () => program("TOLLGATE_NEXT_BIN", "tests/next_release/tollgate_next");
export const mockProgram = () => program("MOCK_UPSTREAM_BIN", "tests/mock_upstream/mock_upstream");

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort() {
  const server = createServer();
  await new Promise((done, fail) => server.once("error", fail).listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

export function tempDir(name) {
  return mkdtempSync(join(tmpdir(), `tollgate-${name}-`));
}

export const removeDir = (dir) => rmSync(dir, { recursive: true, force: true });

/** What a child sees of our environment: no proxy, database or other setting of the machine reaches a test. */
function inherited() {
  const names = ["PATH", "HOME", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LLVM_PROFILE_FILE"];
  return Object.fromEntries(names.filter((name) => name in process.env).map((name) => [name, process.env[name]]));
}

/**
 * A child with as many descriptors as allowed, on one core when `cpu` is given, its output kept. It dies with us.
 */
export class Program {
  constructor(path, args, { cpu, env, cwd } = {}) {
    const pin = cpu === undefined ? "" : `taskset -c ${cpu} `;
    const script = `ulimit -n "$(ulimit -Hn)"; exec ${pin}"$0" "$@"`;
    this.output = "";
    this.ended = false;
    this.child = spawn("bash", ["-c", script, path, ...args], {
      env: { ...inherited(), ...env },
      cwd,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.exit = new Promise((done) => {
      this.child.once("exit", (code, signal) => {
        this.ended = true;
        done(signal ?? code);
      });
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => {
        this.output = (this.output + text).slice(-16_000_000);
      });
    }
    children.add(this);
    this.exit.then(() => children.delete(this));
  }

  get pid() {
    return this.child.pid;
  }

  /** Waits until `condition()` gives something; fails with the output when the program ends or time is up. */
  async until(condition, what, ms = 30_000) {
    const end = Date.now() + ms;
    for (;;) {
      const value = await condition(this.output);
      if (value) return value;
      if (this.ended) throw new Error(`${what}: the program ended.\n${this.output}`);
      if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms.\n${this.output}`);
      await sleep(10);
    }
  }

  async stop(signal = "SIGTERM", ms = 15_000) {
    if (this.ended) return this.exit;
    this.child.kill(signal);
    const late = setTimeout(() => this.child.kill("SIGKILL"), ms);
    const how = await this.exit;
    clearTimeout(late);
    return how;
  }
}

const children = new Set();
process.on("exit", () => {
  for (const program of children) program.child.kill("SIGKILL");
});

/** Seconds of processor time (user + system) that the process has used, all its threads. */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Resident memory in bytes. */
export function residentBytes(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))[1]) * 1024;
}

export function childrenOf(pid) {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "latin1").trim().split(" ").filter(Boolean).map(Number),
  );
}
