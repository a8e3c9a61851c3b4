// Tollgate and nginx side by side: the same provider, the same load, the same core. README.md says what is measured.
import { execFile, spawn, execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { Account, eventually, startGateway, startMock } from "../tests/e2e/lib/gateway.mjs";
import { cpuSeconds, program, removeDir, residentBytes, tempDir } from "../tests/e2e/lib/process.mjs";
import { startNginx } from "./nginx.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    idle: { type: "string", default: "5000" },
    only: { type: "string", default: "" },
    "nginx-only": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log(`bench/run [--rounds 5] [--seconds 3] [--idle 5000] [--only NAME,…] [--nginx-only]
cases: plain, batch, events, large, idle`);
  process.exit(0);
}
const rounds = Number(options.rounds);
const only = options.only ? options.only.split(",") : undefined;
const load = program("BENCH_LOAD_BIN", "bench/bench_load");
const core = cpus().length >= 2 ? 0 : undefined;

const model = "gpt-4o-mini";
const scenario = "usage=1:1"; // costs one unit, so that units and requests can be compared
const words = "Please say in a few words what a gateway does and why it is placed between a client and a server. ";

/** A chat request of so many bytes. */
function body(bytes, directive, stream) {
  const request = (text) =>
    JSON.stringify({
      model,
      ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
      messages: [{ role: "user", content: `${text} [[mock ${directive}]]` }],
    });
  const room = bytes - request("").length;
  return request(words.repeat(Math.ceil(room / words.length)).slice(0, room));
}

const cases = [
  {
    name: "plain",
    title: "plain answer: 700 B in, 600 B out, 64 connections",
    unit: "request",
    body: body(700, "chunks=1 size=80", false),
    of: (result) => result.requests,
  },
  {
    name: "batch",
    title: "stream of 200 events in one upstream write, 64 connections",
    unit: "answer",
    body: body(700, "chunks=200 size=20 batch", true),
    of: (result) => result.requests,
  },
  {
    name: "events",
    title: "stream of 200 events one by one (1 ms), 64 streams",
    unit: "event",
    body: body(700, "chunks=200 size=20 delay_ms=1", true),
    of: (result) => result.events,
  },
  {
    name: "large",
    title: "plain answer: 100 KB in, 600 B out, 64 connections",
    unit: "request",
    body: body(100_000, "chunks=1 size=80", false),
    of: (result) => result.requests,
  },
].filter(({ name }) => !only || only.includes(name));

const work = tempDir("bench");

/** Arguments of the load generator; the request's body goes through a file. */
function loadArguments(target, text, more) {
  const file = join(work, "body.json");
  writeFileSync(file, text);
  const headers = target.headers.flatMap((line) => ["--header", line]);
  return ["--to", target.to, "--path", "/v1/chat/completions", "--body", file, ...headers, ...more];
}

async function runLoad(target, text, more) {
  const { stdout, stderr } = await promisify(execFile)(load, loadArguments(target, text, more));
  const result = JSON.parse(stdout);
  if (result.errors > 0 || result.broken > 0) throw new Error(`${target.name}: ${stdout}${stderr}`);
  target.asked = (target.asked ?? 0) + result.requests;
  return result;
}

/** Waits until the process has no more to do (log rows are written behind the answers). */
async function quiet(target) {
  for (let last = target.cpu(), since = 0, i = 0; since < 5 && i < 300; ++i) {
    await sleep(100);
    const now = target.cpu();
    since = now - last < 0.011 ? since + 1 : 0;
    last = now;
  }
}

/** Microseconds of processor time a unit, and units a second. */
async function measure(target, test) {
  await runLoad(target, test.body, ["--seconds", "0.3"]);
  await quiet(target);
  const before = target.cpu();
  const result = await runLoad(target, test.body, ["--seconds", options.seconds]);
  await quiet(target);
  return { cost: ((target.cpu() - before) / test.of(result)) * 1e6, rate: test.of(result) / result.seconds, ...result };
}

async function startTollgate(mock, name, logRows) {
  const gateway = await startGateway({ cpu: core, workers: 1 });
  const admin = await Account.setup(gateway.url);
  await admin.channel({ base_url: mock.base(scenario), models: model });
  if (!logRows) await admin.option("LogConsumeEnabled", "false");
  const { key } = await admin.token();
  const balance = await admin.balance();
  return {
    name,
    to: `127.0.0.1:${gateway.port}`,
    headers: [`Authorization: Bearer ${key}`],
    cpu: () => cpuSeconds(gateway.pid),
    resident: () => residentBytes(gateway.pid),
    version: async () => (await admin.call("GET", "/api/status")).version,
    spent: async () => balance - (await admin.balance()),
    stop: () => gateway.stop(),
  };
}

/** Bytes of resident memory an open stream that says nothing. */
async function idleMemory(target, mock, streams) {
  const text = body(700, "stall_after=1", true);
  await runLoad(target, body(700, "chunks=200 size=20 batch", true), ["--count", "500"]);
  await quiet(target);
  const before = target.resident();
  const args = loadArguments(target, text, ["--idle", "--connections", String(streams)]);
  const child = spawn(load, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ready = await new Promise((done) => {
    child.stdout.once("data", () => done(true));
    child.once("exit", () => done(false));
  });
  if (!ready) throw new Error(`${target.name}: idle streams could not be opened`);
  await sleep(500);
  const bytes = (target.resident() - before) / streams;
  const { aborted } = await mock.stats();
  child.stdin.end();
  await eventually(
    async () => (await mock.stats()).aborted >= aborted + streams,
    `${target.name}: the provider sees every stream closed`,
    30_000,
  );
  return bytes;
}

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};
const spread = (numbers) => `${Math.min(...numbers).toFixed(1)}–${Math.max(...numbers).toFixed(1)}`;

const lines = [];
const print = (line) => {
  lines.push(line);
  console.log(line);
};

const mock = await startMock({ keep: 0 });
const targets = [await startNginx(mock.address, `/x/${scenario}`, core)];
if (!options["nginx-only"]) {
  targets.push(await startTollgate(mock, "Tollgate", false), await startTollgate(mock, "Tollgate, log rows", true));
}

const cpu = cpus();
const nginxVersion = execFileSync("bash", ["-c", "nginx -v 2>&1"]).toString().replace(/.*nginx\//s, "").trim();
const versions = [`nginx ${nginxVersion}`];
if (targets[1]) versions.push(`Tollgate ${await targets[1].version()}`);
print(
  `${cpu.length} cores, ${cpu[0].model.trim()}, Linux ${release()}, ${versions.join(", ")}; ` +
    `median of ${rounds} rounds of ${options.seconds} s, one worker on one core each, µs of user + system time`,
);
print("");
print(`| case | a | ${targets.map((target) => `${target.name} µs`).join(" | ")}${targets[1] ? " | ratio | ratio with log rows" : ""} |`);
print(`|---|---|${targets.map(() => "---:").join("|")}|${targets[1] ? "---:|---:|" : ""}`);

for (const test of cases) {
  const costs = targets.map(() => []);
  for (let round = 0; round < rounds; ++round) {
    for (const [i, target] of targets.entries()) {
      const result = await measure(target, test);
      costs[i].push(result.cost);
      console.error(
        `${test.name} ${round + 1}/${rounds} ${target.name}: ${result.cost.toFixed(2)} µs a ${test.unit}, ` +
          `${Math.round(result.rate)}/s, p50 ${result.p50_us} µs, p99 ${result.p99_us} µs`,
      );
    }
  }
  const figures = costs.map((numbers) => `${median(numbers).toFixed(1)} (${spread(numbers)})`);
  const ratios = costs.slice(1).map((numbers) => median(numbers.map((cost, round) => cost / costs[0][round])).toFixed(2));
  print(`| ${[test.title, test.unit, ...figures, ...ratios].join(" | ")} |`);
}

if (targets[1]) {
  for (const target of targets.slice(1)) {
    if (!target.asked) continue; // idle streams alone
    const spent = await eventually(async () => {
      const units = await target.spent();
      return units >= target.asked && units;
    }, "every request is charged");
    if (spent !== target.asked) throw new Error(`${target.name}: ${target.asked} requests, ${spent} units charged`);
    console.error(`${target.name}: ${target.asked} requests, ${spent} units charged, as it should be`);
  }
}
for (const target of targets) await target.stop();

if (!only || only.includes("idle")) {
  const streams = Number(options.idle);
  const bytes = [];
  const starts = [() => startNginx(mock.address, `/x/${scenario}`, core), () => startTollgate(mock, "Tollgate", false)];
  for (const start of options["nginx-only"] ? starts.slice(0, 1) : starts) {
    const target = await start();
    bytes.push(await idleMemory(target, mock, streams));
    console.error(`idle ${target.name}: ${Math.round(bytes.at(-1))} bytes a stream`);
    await target.stop();
  }
  print("");
  print(`| ${streams} idle streams: bytes of resident memory each | ${bytes.map((_, i) => ["nginx", "Tollgate"][i]).join(" | ")}${bytes[1] !== undefined ? " | ratio" : ""} |`);
  print(`|---|${bytes.map(() => "---:").join("|")}|${bytes[1] !== undefined ? "---:|" : ""}`);
  print(`| | ${bytes.map((each) => Math.round(each)).join(" | ")}${bytes[1] !== undefined ? ` | ${(bytes[1] / bytes[0]).toFixed(2)}` : ""} |`);
}
await mock.stop();
removeDir(work);

mkdirSync(join(here, "out"), { recursive: true });
writeFileSync(join(here, "out/latest.md"), lines.join("\n") + "\n");
console.error(`written to ${join("bench/out/latest.md")}`);
