// Three nodes behind nginx beside one, over MariaDB and Redis: processor time a request (costs), how often the database and
// Redis are asked for one, warm and cold, and what a second node adds (second). node bench/cluster.mjs [PART…]
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort, cpuSeconds, program, removeDir, tempDir } from "../tests/e2e/lib/process.mjs";
import { settled } from "../tests/chaos/load.mjs";
import { Cluster, startFront } from "../tests/cluster/lib/cluster.mjs";
import { limitCpu } from "./cpu_share.mjs";

const load = program("BENCH_LOAD_BIN", "bench/bench_load");
const rounds = 5;
const count = 4000;
const work = tempDir("bench");
const body = join(work, "body.json");
const words = "Please say in a few words what a gateway does and why it is placed between a client and a server. ";
writeFileSync(
  body,
  JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: `${words.repeat(5)} [[mock usage=1:1 size=80]]` }] }),
);

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

async function frontOf(nodes) {
  const port = await freePort();
  return startFront(`  upstream nodes { ${nodes.map(({ host }) => `server ${host}:3000 max_fails=0;`).join(" ")} keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://nodes; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }
  }`);
}

const cluster = await Cluster.start({ slaves: 2, workers: 1 });

const ask = (front, requests) => run(front, ["--count", String(requests), "--connections", "32"]);
// So many that those which wait for one node leave enough for the other.
const askFor = (front, seconds) => run(front, ["--seconds", String(seconds), "--connections", "256"]);
async function run(front, howMuch) {
  const args = ["--to", `127.0.0.1:${front.port}`, "--path", "/v1/chat/completions", "--body", body, "--header",
    `Authorization: Bearer ${cluster.key}`, ...howMuch];
  const result = JSON.parse((await promisify(execFile)(load, args)).stdout);
  if (result.errors > 0 || result.broken > 0) throw new Error(JSON.stringify(result));
  return result;
}
const used = () => cluster.nodes.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0);
const statements = async () => Number((await cluster.server.sql("SHOW GLOBAL STATUS LIKE 'Questions'"))[0][1]);
const commands = async () =>
  Number(/total_commands_processed:(\d+)/.exec(await cluster.redis.cli("INFO", "stats"))[1]);
const quiet = async () => {
  for (const node of cluster.nodes) await settled(node, 120_000);
};

/** What happens during `work`, less what happens in as much time without it. */
async function asked(work) {
  const look = async () => [await statements(), await commands()];
  const before = await look();
  const begun = Date.now();
  await work();
  const took = Date.now() - begun;
  const during = await look();
  await sleep(took);
  const after = await look();
  return [0, 1].map((i) => during[i] - before[i] - (after[i] - during[i]));
}

const limits = [];
const parts = { costs, cold, second };

async function costs() {
  const one = await frontOf(cluster.nodes.slice(0, 1));
  const three = await frontOf(cluster.nodes);
  console.log("| nodes behind nginx | µs of the nodes a request | statements a request, warm | Redis commands a request, warm |");
  console.log("|---|---:|---:|---:|");
  for (const [name, front] of [["one", one], ["three", three]]) {
    await ask(front, 500);
    await quiet();
    const cpu = [];
    const sql = [];
    const redis = [];
    for (let round = 0; round < rounds; ++round) {
      const before = used();
      const [s, r] = await asked(() => ask(front, count));
      cpu.push(((used() - before) / count) * 1e6);
      sql.push(s / count);
      redis.push(r / count);
    }
    console.log(`| ${name} | ${median(cpu).toFixed(1)} | ${median(sql).toFixed(3)} | ${median(redis).toFixed(3)} |`);
  }
  await one.stop();
  await three.stop();
}

/** A key that no node has seen, one request on each node. */
async function cold() {
  const found = [];
  for (let i = 0; i < 5; ++i) {
    const { key } = await cluster.admin.token({ name: `cold ${i}` });
    await sleep(500);
    for (const node of cluster.nodes) {
      const [s, r] = await asked(async () => {
        const answer = await fetch(`${node.url}/v1/chat/completions`, {
          method: "POST",
          headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
          body: JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "[[mock usage=1:1]] hi" }] }),
        });
        if (!answer.ok) throw new Error(await answer.text());
        await answer.text();
      });
      found.push([s, r]);
    }
  }
  console.log(`\nA node's first request of a key: ${median(found.map(([s]) => s))} statements, ${median(found.map(([, r]) => r))} Redis commands (its flush included).`);
}

/** What a second node adds where the nodes are what is short of processors, and not all that runs beside them. */
async function second() {
  const share = 0.15;
  try {
    for (const { pid } of cluster.nodes.slice(0, 2)) limits.push(limitCpu(pid, share));
  } catch (error) {
    console.log(`\nA second node was not measured: a control group cannot be made here (${error.message}).`);
  }
  if (limits.length === 2) {
    const fronts = [await frontOf(cluster.nodes.slice(0, 1)), await frontOf(cluster.nodes.slice(0, 2))];
    const rates = fronts.map(() => []);
    for (let round = 0; round < rounds; ++round)
      for (const [i, front] of fronts.entries()) {
        await ask(front, 500);
        await quiet();
        const { requests, seconds } = await askFor(front, 6);
        rates[i].push(requests / seconds);
      }
    const [alone, together] = rates.map(median);
    console.log(`\nWith ${share} core for each node: ${alone.toFixed(0)} requests a second by one, ${together.toFixed(0)} by two, ${(together / alone).toFixed(2)} times.`);
    for (const front of fronts) await front.stop();
  }
}

console.log(`${cpus().length} cores, ${cpus()[0].model.trim()}, Linux ${release()}; median of ${rounds} rounds of ${count} requests\n`);
const chosen = process.argv.slice(2);
for (const part of chosen.length ? chosen : Object.keys(parts)) await parts[part]();
await cluster.stop();
for (const takeAway of limits) takeAway();
removeDir(work);
