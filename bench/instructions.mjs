// Instructions of the network worker a request, counted by callgrind: a figure that does not depend on the machine's
// speed or load, so that a test can hold it. The threads of journal and ledger are left out: what they do for one
// request depends on how many come together.
//   node bench/instructions.mjs [plain|stream] [--record]; KEEP_CALLGRIND=PREFIX keeps the profiles.
import { execFile, execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Account, startGateway, startMock } from "../tests/e2e/lib/gateway.mjs";
import { program, removeDir, tempDir, tollgateProgram } from "../tests/e2e/lib/process.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const recorded = join(here, "instructions.json");
const mayGrow = 1.05;

// Debian's valgrind does not read the debugging information of clang 19; symbols are enough.
const home = tempDir("instructions");
const tollgate = join(home, "tollgate");
execFileSync("strip", ["--strip-debug", "-o", tollgate, tollgateProgram()]);

const load = program("BENCH_LOAD_BIN", "bench/bench_load");
const model = "gpt-4o-mini";
const words = "Please say in a few words what a gateway does and why it is placed between a client and a server. ";
const body = (directive, more) =>
  JSON.stringify({ model, ...more, messages: [{ role: "user", content: `${words.repeat(5)}[[mock ${directive}]]` }] });

const cases = [
  { name: "plain", few: 500, many: 2500, body: body("chunks=1 size=80") },
  {
    name: "stream",
    few: 100,
    many: 500,
    body: body("chunks=200 size=20 batch", { stream: true, stream_options: { include_usage: true } }),
  },
];

/** Instructions of the worker in a whole life of the gateway with so many requests. */
async function total(mock, test, count) {
  const out = join(home, "callgrind");
  const wrapper = join(home, "under_callgrind");
  writeFileSync(wrapper, `#!/bin/sh\nexec valgrind -q --tool=callgrind --separate-threads=yes --callgrind-out-file=${out} ${tollgate} "$@"\n`);
  chmodSync(wrapper, 0o755);
  process.env.TOLLGATE_BIN = wrapper;
  const gateway = await startGateway({ env: { TOLLGATE_MAX_LOOP_LAG: "0s" } });
  const admin = await Account.setup(gateway.url);
  await admin.channel({ base_url: mock.base("usage=1:1"), models: model });
  await admin.option("LogConsumeEnabled", "false");
  const { key } = await admin.token();
  const file = join(home, "body.json");
  writeFileSync(file, test.body);
  const { stdout } = await promisify(execFile)(load, [
    ...["--to", `127.0.0.1:${gateway.port}`, "--path", "/v1/chat/completions", "--body", file],
    ...["--header", `Authorization: Bearer ${key}`, "--connections", "8", "--count", String(count)],
  ]);
  const result = JSON.parse(stdout);
  if (result.errors > 0 || result.broken > 0 || result.requests < count) throw new Error(`${test.name}: ${stdout}`);
  await gateway.stop();
  const dumps = readdirSync(home).filter((name) => name.startsWith("callgrind-"));
  const texts = dumps.map((name) => readFileSync(join(home, name), "utf8"));
  for (const name of dumps) {
    if (process.env.KEEP_CALLGRIND) copyFileSync(join(home, name), `${process.env.KEEP_CALLGRIND}.${count}.${name}`);
    rmSync(join(home, name));
  }
  const worker = texts.filter((text) => text.includes("tollgate::relay::Relay::handle"));
  if (worker.length !== 1) throw new Error(`${worker.length} threads relay`);
  const instructions = Number(/^totals: (\d+)/m.exec(worker[0])[1]);
  return instructions;
}

const record = process.argv.includes("--record");
const only = process.argv.find((argument) => cases.some(({ name }) => name === argument));
const before = JSON.parse(readFileSync(recorded, "utf8"));
const figures = { ...before };
const mock = await startMock({ keep: 0 });
let failed = 0;
for (const test of cases.filter(({ name }) => !only || name === only)) {
  // What the start costs is in both.
  const few = await total(mock, test, test.few);
  const many = await total(mock, test, test.many);
  const each = Math.round((many - few) / (test.many - test.few));
  figures[test.name] = each;
  const ratio = each / before[test.name];
  const ok = record || ratio <= mayGrow;
  if (!ok) ++failed;
  console.log(
    `${ok ? "ok  " : "FAIL"} ${test.name}: ${each} instructions a request, ${before[test.name]} recorded (${ratio.toFixed(3)})`,
  );
}
await mock.stop();
removeDir(home);
if (record) writeFileSync(recorded, JSON.stringify(figures, null, 2) + "\n");
if (failed > 0) {
  console.log(`more than ${mayGrow} times what is recorded: make it cheaper, or record it (bench/instructions --record)
with the reason in docs/performance.md`);
}
const counted = only ? 1 : cases.length;
console.log(`instructions: ${counted - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
