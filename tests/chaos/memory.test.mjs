// Memory under what costs most: readers that take a byte a second, prompts of a megabyte by the thousand, more prompts
// than there is memory for. The figures are those of docs/overload.md; not for sanitizer builds, which keep freed memory.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Account, eventually, startGateway, startMock } from "../e2e/lib/gateway.mjs";
import { Program, program, removeDir, residentBytes, tempDir } from "../e2e/lib/process.mjs";
import { post } from "../e2e/lib/raw.mjs";

const model = "gpt-4o-mini";
const loadProgram = () => program("BENCH_LOAD_BIN", "bench/bench_load");

describe("memory", { timeout: 300_000 }, () => {
  let mock, gateway, admin, key, dir, running;
  before(async () => {
    dir = tempDir("memory");
    mock = await startMock({ keep: 0 });
  });
  after(async () => {
    await mock?.stop();
    removeDir(dir);
  });
  afterEach(async () => {
    await running?.stop("SIGKILL");
    running = undefined;
    await gateway?.stop();
    gateway = undefined;
  });

  async function start(env) {
    gateway = await startGateway({ env, workers: 2 });
    admin = await Account.setup(gateway.url);
    await admin.channel({ base_url: mock.url, models: model });
    ({ key } = await admin.token());
    await works();
    return residentBytes(gateway.pid);
  }
  const message = (text) => ({ model, messages: [{ role: "user", content: text }] });
  const ask = (text) => post(`${gateway.url}/v1/chat/completions`, key, message(text));
  const works = async () => assert.equal((await ask("[[mock usage=1:1]]")).status, 200);

  /** The load generator with one body for all its connections. */
  function load(body, args) {
    const file = join(dir, "body.json");
    writeFileSync(file, JSON.stringify(body));
    const to = ["--to", `127.0.0.1:${gateway.port}`, "--path", "/v1/chat/completions", "--body", file];
    running = new Program(loadProgram(), [...to, "--header", `Authorization: Bearer ${key}`, ...args], {});
    return running;
  }
  /** The most memory that the gateway takes until `over` is done. */
  async function peak(over) {
    let most = 0;
    let done = false;
    over.finally(() => (done = true)).catch(() => {});
    while (!done) {
      most = Math.max(most, residentBytes(gateway.pid));
      await sleep(5);
    }
    await over;
    return most;
  }

  it("P1 S5 5000 streams with readers of a byte a second and a fast upstream: at most 96 KiB each, all of it given back", async (t) => {
    const before = await start({});
    const count = 5000;
    const stream = { ...message("[[mock chunks=800 size=1000 usage=1:1]]"), stream: true };
    const readers = load(stream, ["--connections", String(count), "--drip"]);
    await readers.until((out) => /ready/.test(out), "all have asked", 60_000);
    await eventually(async () => (await gateway.health()).relayed === count, "all are relayed", 60_000);
    const most = await peak(sleep(15_000));
    assert.equal((await gateway.health()).relayed, count, "none has ended");
    const each = (most - before) / count;
    t.diagnostic(`${Math.round(each)} bytes of resident memory each`);
    assert.ok(each <= 96 * 1024, `${Math.round(each)} bytes each`);
    await works();
    await readers.stop("SIGKILL");
    await eventually(async () => (await gateway.health()).relayed === 0, "all are let go", 60_000);
    await eventually(() => residentBytes(gateway.pid) < before + 100 * 2 ** 20, "the memory is given back", 40_000);
  });

  it("P2 1000 prompts of a megabyte at once: twice their size and 64 MiB while they wait, given back within 10 s", async (t) => {
    const before = await start({});
    const count = 1000;
    const prompt = message(`[[mock slow_head_ms=7000 usage=1:1]]${"word ".repeat(2 ** 20 / 5)}`);
    const size = JSON.stringify(prompt).length;
    const all = load(prompt, ["--connections", String(count), "--count", String(count)]);
    const most = await peak(all.exit);
    t.diagnostic(`at most ${((most - before) / count / size).toFixed(2)} times their size`);
    assert.match(all.output, new RegExp(`"requests":${count},.*"errors":0,"broken":0`));
    assert.ok(most - before <= 2 * count * size + 64 * 2 ** 20, `${(most - before) >> 20} MiB`);
    await eventually(() => residentBytes(gateway.pid) < before + 100 * 2 ** 20, "the memory is given back", 15_000);
  });

  it("P4 P2 more prompts than memory: some get 503 before the limit is passed, and none is answered wrong", async () => {
    const idle = await start({});
    const limit = Math.ceil(idle / 2 ** 20) + 150;
    await gateway.stop();
    await start({ TOLLGATE_MEMORY_LIMIT_MB: String(limit) });
    const prompt = "word ".repeat(800_000); // 4 MB
    const asked = Promise.all(Array.from({ length: 60 }, () => ask(`[[mock slow_head_ms=2500 usage=1:1]]${prompt}`)));
    const most = await peak(asked);
    const answers = await asked;
    const passed = answers.filter(({ status }) => status === 200).length;
    assert.ok(passed > 5 && passed < 60, `${passed} passed`);
    for (const { status, headers, body } of answers) {
      if (status === 200) continue;
      assert.equal(status, 503);
      assert.equal(headers["retry-after"], "1");
      assert.match(JSON.parse(body).error.message, /memory is short/);
    }
    assert.ok(most <= limit * 2 ** 20, `${most >> 20} MiB of ${limit}`);
    await eventually(() => residentBytes(gateway.pid) < idle + 60 * 2 ** 20, "the memory is given back", 30_000);
    await works();
  });
});
