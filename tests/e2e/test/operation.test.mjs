// One node in operation: stopping while it works, many at once against a small balance, health, starts that cannot work.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Account, eventually, rootName, rootPassword, startGateway, startMock } from "../lib/gateway.mjs";
import { removeDir, tempDir, tollgateProgram } from "../lib/process.mjs";
import { quota, ratios } from "../lib/price.mjs";
import { post } from "../lib/raw.mjs";

const model = "gpt-4o-mini";
const say = (directive) => [{ role: "user", content: `[[mock ${directive}]]` }];

describe("operation", { timeout: 180_000 }, () => {
  let mock, dir, gateway, admin, key;
  before(async () => {
    dir = tempDir("operation");
    mock = await startMock();
    gateway = await startGateway({ dir, workers: 2 });
    admin = await Account.setup(gateway.url);
    await admin.channel({ base_url: mock.url, models: model });
    ({ key } = await admin.token());
  });
  after(async () => {
    await gateway?.stop();
    await mock?.stop();
    if (dir) removeDir(dir);
  });

  it("health tells life and readiness", async () => {
    assert.equal(await (await fetch(`${gateway.url}/livez`)).text(), "ok");
    assert.equal(await (await fetch(`${gateway.url}/readyz`)).text(), "ok");
    assert.equal((await fetch(`${gateway.url}/-/health`)).status, 404);
    const page = await (await fetch(gateway.url)).text();
    assert.match(page, /\/api\/setup/);
  });

  it("B10 five hundred requests at once against a limit for exactly twenty: twenty pass, the sum is exact", async () => {
    // Each costs what is set aside for it at most: max(estimate, 500) tokens of prompt and all of the output limit.
    const each = quota({ prompt: 500, completion: 1000 }, ratios[model]);
    const { id, key: poor } = await admin.token({ unlimited_quota: false, remain_quota: each * 20 });
    const answers = await Promise.all(
      Array.from({ length: 500 }, () =>
        post(`${gateway.url}/v1/chat/completions`, poor, {
          model,
          max_tokens: 1000,
          messages: say("usage=500:1000 slow_head_ms=1500"),
        }),
      ),
    );
    const passed = answers.filter((answer) => answer.status === 200).length;
    assert.equal(passed, 20);
    for (const answer of answers) assert.ok(answer.status === 200 || answer.status === 403, answer.body);
    await eventually(async () => {
      const rows = (await admin.consumeRows()).filter((row) => row.prompt_tokens === 500);
      return rows.length === 20 && rows.every((row) => row.quota === each);
    }, "twenty rows");
    const left = async () => (await admin.call("GET", `/api/token/${id}`)).remain_quota;
    await eventually(async () => (await left()) === 0, "nothing is left, nothing is missing");
  });

  it("B10 with less than the worst case, but what is asked for, one request has all there is and a second none", async () => {
    const asked = Math.trunc(1500 * 0.075);
    const { key: poor } = await admin.token({ unlimited_quota: false, remain_quota: asked + 10 });
    const ask = () =>
      post(`${gateway.url}/v1/chat/completions`, poor, { model, max_tokens: 1000, messages: say("usage=500:10 slow_head_ms=700") });
    const statuses = (await Promise.all([ask(), ask()])).map(({ status }) => status);
    assert.deepEqual(statuses.sort(), [200, 403]);
  });

  it("D3 SIGTERM: a running stream is finished, a new connection is refused, every charge is in SQL", async () => {
    const before = await admin.balance();
    const running = post(`${gateway.url}/v1/chat/completions`, key, {
      model,
      stream: true,
      messages: say("chunks=60 delay_ms=25 usage=90:60"),
    });
    await sleep(400);
    const stopping = gateway.stop();
    const answer = await running;
    assert.equal(answer.status, 200);
    assert.match(String(answer.body), /\[DONE\]/);
    await stopping;
    await assert.rejects(fetch(`${gateway.url}/livez`));
    gateway = await startGateway({ dir, workers: 2 });
    admin = await Account.login(gateway.url, rootName, rootPassword);
    assert.equal(before - (await admin.balance()), quota({ prompt: 90, completion: 60 }, ratios[model]));
  });

  const start = (env, args = []) =>
    spawnSync(tollgateProgram(), args, { env: { PATH: process.env.PATH, ...env }, cwd: dir, encoding: "utf8", timeout: 10_000 });

  it("a configuration that cannot work ends with one FATAL line that says what to do", () => {
    const wrong = start({ PORT: "99999", NODE_TYPE: "boss", SESSION_SECRET: "random_string" });
    assert.equal(wrong.status, 78);
    assert.match(wrong.stderr, /ERROR PORT: "99999" is out of range; set a number between 1 and 65535/);
    assert.match(wrong.stderr, /ERROR NODE_TYPE: "boss" is not known; set one of master\|slave/);
    assert.match(wrong.stderr.trim().split("\n").at(-1), /^FATAL 78 configuration: 3 variables cannot be used; /);
    assert.equal(start({ REDIS_CONN_STRING: "http://:CANARY@r" }).status, 78);
    assert.doesNotMatch(start({ REDIS_CONN_STRING: "http://:CANARY@r" }).stderr, /CANARY/);
    assert.equal(start({}, ["--nonsense", "1"]).status, 2);
    assert.match(start({}, ["--version"]).stdout, /^v\d+\.\d+\.\d+\n$/);
  });

  it("REQ-CL-01 a second process on the same data directory, or on the same port, is refused", () => {
    const port = new URL(gateway.url).port;
    const other = tempDir("other");
    const same = start({ TOLLGATE_LISTEN: `127.0.0.1:${port}`, TOLLGATE_DATA_DIR: other, SQLITE_PATH: `${other}/tollgate.db` });
    removeDir(other);
    assert.equal(same.status, 71);
    assert.match(same.stderr, new RegExp(`FATAL 71 TOLLGATE_LISTEN: .*Address already in use, by tollgate \\(pid ${gateway.pid}\\); choose`));
    const data = start({ TOLLGATE_LISTEN: "127.0.0.1:0", TOLLGATE_DATA_DIR: dir, SQLITE_PATH: `${dir}/tollgate.db` });
    assert.equal(data.status, 73);
    assert.match(data.stderr, new RegExp(`FATAL 73 TOLLGATE_DATA_DIR: another process uses the data directory .* \\(pid ${gateway.pid}\\); `));
  });
});
