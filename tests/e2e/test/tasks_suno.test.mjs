// Songs: taken on, stored and charged before the answer, asked about, given back when they fail (docs/tasks.md).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Account, eventually, rootPassword, startGateway, upstreamKey } from "../lib/gateway.mjs";
import { removeDir, tempDir } from "../lib/process.mjs";
import { customer, startTaskServer } from "../lib/task_server.mjs";

const wait = 60_000;
const song = 50_000; // 0.1 dollars
const dir = tempDir("suno");
const env = { TOLLGATE_TASK_POLL: "200ms" };
let upstream, gateway, admin, token, channel;

before(async () => {
  upstream = await startTaskServer();
  gateway = await startGateway({ dir, env });
  admin = await Account.setup(gateway.url);
  await admin.channel({ type: 36, base_url: upstream.url, models: "suno_music,suno_lyrics" });
  channel = (await admin.call("GET", "/api/channel/?p=1&page_size=10")).items[0];
  token = await admin.token();
});
after(async () => {
  await gateway.stop();
  await upstream.stop();
  await gateway.database?.drop();
  removeDir(dir);
});

const call = async (path, body, key = token.key) => {
  const response = await fetch(gateway.url + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json(), id: response.headers.get("x-oneapi-request-id") };
};
const submit = async (body = { prompt: "a song" }, key) => call("/suno/submit/MUSIC", body, key);
const view = async (id) => (await call(`/suno/fetch/${id}`)).body.data;
const until = (id, status) => eventually(async () => (await view(id)).status === status, `${id} is ${status}`, wait);
const systemRows = async (text) =>
  (await admin.call("GET", "/api/log/?p=1&page_size=100&type=4")).items.filter(({ content }) => content.includes(text));
const usedOf = async (id) => (await admin.call("GET", `/api/token/${id}`)).used_quota;

test("tasks 3, 4.2, 11.1: a song is stored and charged before the answer, wallet and key", async () => {
  const balance = await admin.balance();
  const used = await usedOf(token.id);
  const answer = await submit({ prompt: "a song", tags: "pop", other: 1 });
  assert.equal(answer.status, 200);
  assert.deepEqual(Object.keys(answer.body), ["code", "message", "data"]);
  const id = answer.body.data;
  const sent = upstream.askedFor("/suno/submit/MUSIC").at(-1);
  assert.equal(sent.headers.authorization, `Bearer ${upstreamKey}`);
  assert.deepEqual(sent.body, { prompt: "a song", mv: "chirp-v3-0", tags: "pop", make_instrumental: false });

  const row = await admin.row(answer.id);
  assert.equal(row.rows, 1);
  assert.equal(row.quota, song);
  assert.equal(row.model_name, "suno_music");
  assert.equal(row.content, "操作 MUSIC");
  assert.deepEqual(JSON.parse(row.other), { group_ratio: 1, model_price: 0.1, request_path: "/suno/submit/MUSIC" });
  assert.equal(balance - (await admin.balance()), song);
  assert.equal((await usedOf(token.id)) - used, song);

  const seen = await call(`/suno/fetch/${id}`);
  assert.equal(seen.body.code, "success");
  assert.equal(seen.body.data.action, "MUSIC");
  assert.match(seen.body.data.status, /NOT_START|SUBMITTED/);
  assert.equal(seen.body.data.progress, "0%");
});

test("tasks 11.3: the poller brings a finished song; the charge stays", async () => {
  const balance = await admin.balance();
  const id = (await submit()).body.data;
  const data = [{ id: "clip", audio_url: "https://a/b.mp3", duration: 1.5 }];
  upstream.say(id, { status: "SUCCESS", start_time: 2, finish_time: 3, data });
  await until(id, "SUCCESS");
  const seen = await view(id);
  assert.equal(seen.progress, "100%");
  assert.equal(seen.finish_time, 3);
  assert.deepEqual(seen.data, data);
  assert.equal(balance - (await admin.balance()), song);
  const listed = await call("/suno/fetch", { ids: [id, "unknown"] });
  assert.deepEqual(listed.body.data, [seen]);
  assert.deepEqual((await call("/suno/fetch", { ids: [] })).body.data, []);
  assert.equal((await call("/suno/fetch", { ids: ["unknown"] })).body.data, null);
});

test("tasks 4.4, Q9: a failed song is given back once, to wallet and key, with a log row", async () => {
  const limited = await admin.token({ unlimited_quota: false, remain_quota: 2 * song });
  const balance = await admin.balance();
  const id = (await submit(undefined, limited.key)).body.data;
  upstream.say(id, { status: "FAILURE", fail_reason: "no lyrics" });
  await until(id, "FAILURE");
  const seen = await view(id);
  assert.equal(seen.progress, "100%");
  assert.equal(seen.fail_reason, "no lyrics");
  assert.equal(await admin.balance(), balance);
  const rows = await systemRows(id);
  assert.deepEqual(rows.map(({ content }) => content), [`异步任务执行失败 ${id}，补偿 ＄0.100000 额度`]);
  // What came back can be spent again.
  const key = await admin.call("GET", `/api/token/${limited.id}`);
  assert.equal(key.used_quota, 0);
  assert.equal(key.remain_quota, 2 * song);
  assert.equal((await submit(undefined, limited.key)).status, 200);
});

test("tasks 4.1: a balance too small is refused with 403, and the upstream is not asked", async () => {
  const { token: poor } = await customer(admin, gateway.url, "poor", song - 1);
  const before = upstream.askedFor("submit").length;
  const answer = await submit(undefined, poor.key);
  assert.equal(answer.status, 403);
  assert.deepEqual(answer.body, { code: "quota_not_enough", message: "user quota is not enough", data: null });
  assert.equal(upstream.askedFor("submit").length, before);
  const { token: able } = await customer(admin, gateway.url, "able", song);
  assert.equal((await submit(undefined, able.key)).status, 200);
  assert.equal((await submit(undefined, able.key)).status, 403);
});

test("balances I2: a key whose limit is too small is refused like a balance", async () => {
  const small = await admin.token({ unlimited_quota: false, remain_quota: song - 1 });
  const answer = await submit(undefined, small.key);
  assert.equal(answer.status, 403);
  assert.equal(answer.body.code, "quota_not_enough");
});

test("tasks 3.7: what an upstream refuses costs nothing, in the shape of task routes", async () => {
  const balance = await admin.balance();
  upstream.refuse({ status: 429, body: { code: 1302 } });
  const busy = await submit();
  assert.deepEqual([busy.status, busy.body], [
    429,
    { code: "fail_to_fetch_task", message: "当前分组上游负载已饱和，请稍后再试", data: null },
  ]);
  upstream.refuse({ status: 200, body: { code: "failed", message: "no", data: "" } });
  const failed = await submit();
  assert.deepEqual([failed.status, failed.body], [500, { code: "failed", message: "no", data: null }]);
  upstream.refuse();
  assert.equal(await admin.balance(), balance);
});

test("core 4.3: submissions that fail are tried again, what the gateway itself refuses is not", async () => {
  await admin.option("RetryTimes", "2");
  const before = upstream.askedFor("submit").length;
  upstream.refuse({ status: 500, body: { message: "down" } });
  assert.equal((await submit()).status, 500);
  assert.equal(upstream.askedFor("submit").length - before, 3);
  upstream.refuse({ status: 400, body: { message: "bad" } });
  assert.equal((await submit()).status, 400);
  upstream.refuse();
  assert.equal(upstream.askedFor("submit").length - before, 4);
  const wrong = await call("/suno/submit/LYRICS", {});
  assert.deepEqual([wrong.status, wrong.body], [400, { code: "invalid_request", message: "prompt_empty", data: null }]);
  assert.equal(upstream.askedFor("submit").length - before, 4);
  await admin.option("RetryTimes", "0");
});

test("tasks 11.1: no such action, no such model: the distributor refuses", async () => {
  const answer = await call("/suno/submit/concat", { prompt: "x" });
  assert.equal(answer.status, 503);
  assert.equal(answer.body.error.code, "model_not_found");
});

test("T-21: tasks of others are as unknown as any", async () => {
  const id = (await submit()).body.data;
  const { token: key } = await customer(admin, gateway.url, "other", 0);
  const foreign = await call(`/suno/fetch/${id}`, undefined, key.key);
  const unknown = await call("/suno/fetch/none", undefined, key.key);
  assert.deepEqual([foreign.status, foreign.body], [unknown.status, unknown.body]);
  assert.deepEqual(foreign.body, { code: "task_not_exist", message: "task_not_exist", data: null });
  assert.equal((await call("/suno/fetch", { ids: [id] }, key.key)).body.data, null);
});

test("tasks 11.1, Q21: a song goes on where its origin was made", async (t) => {
  const id = (await submit()).body.data;
  await admin.call("PUT", "/api/channel/", { ...channel, status: 2 });
  const second = await startTaskServer();
  t.after(() => second.stop());
  await admin.channel({ type: 36, name: "second", base_url: second.url, models: "suno_music" });
  const refused = await submit({ task_id: id, continue_clip_id: "c" });
  assert.deepEqual(refused.body, {
    code: "task_channel_disable",
    message: "the channel of the origin task is disabled",
    data: null,
  });
  await admin.call("PUT", "/api/channel/", { ...channel, status: 1 });
  for (let i = 0; i < 5; ++i) assert.equal((await submit({ task_id: id, continue_clip_id: "c" })).status, 200);
  assert.equal(second.asked.filter(({ body }) => body.continue_clip_id).length, 0);
  const there = await submit({ task_id: "none", continue_clip_id: "c" });
  assert.deepEqual(there.body, { code: "task_not_exist", message: "task_origin_not_exist", data: null });
  const all = (await admin.call("GET", "/api/channel/?p=1&page_size=10")).items;
  await admin.call("DELETE", `/api/channel/${all.find(({ name }) => name === "second").id}`);
});

test("tasks Q12: a task is asked about with the key that submitted it", async (t) => {
  const second = await startTaskServer();
  t.after(() => second.stop());
  await admin.call("POST", "/api/channel/", {
    mode: "multi_to_single",
    multi_key_mode: "polling",
    channel: { type: 36, name: "keys", base_url: second.url, models: "suno_lyrics", group: "default", key: "key-one\nkey-two", priority: 10 },
  });
  const ids = new Map();
  for (let i = 0; i < 2; ++i) {
    const id = (await call("/suno/submit/LYRICS", { prompt: "words" })).body.data;
    ids.set(id, second.askedFor("submit").at(-1).headers.authorization);
  }
  assert.equal(new Set(ids.values()).size, 2);
  const asked = () => second.askedFor("/suno/fetch").flatMap(({ headers, body }) => body.ids.map((id) => [id, headers.authorization]));
  await eventually(() => [...ids.keys()].every((id) => asked().some(([one]) => one === id)), "both are asked about", wait);
  for (const [id, key] of asked()) assert.equal(key, ids.get(id));
  const all = (await admin.call("GET", "/api/channel/?p=1&page_size=10")).items;
  await admin.call("DELETE", `/api/channel/${all.find(({ name }) => name === "keys").id}`);
});

test("D-43: a gateway that dies between charge and failure gives back exactly once after its restart", async () => {
  const { token: theirs } = await customer(admin, gateway.url, "crash", 2 * song);
  const id = (await submit(undefined, theirs.key)).body.data;
  await gateway.kill();
  upstream.say(id, { status: "FAILURE", fail_reason: "while you were away" });
  gateway = await startGateway({ dir, env });
  admin = await Account.login(gateway.url, "root", rootPassword);
  const account = await Account.login(gateway.url, "crash", "a long password");
  const theirView = async () => (await call(`/suno/fetch/${id}`, undefined, theirs.key)).body.data;
  await eventually(async () => (await theirView()).status === "FAILURE", "it failed", wait);
  assert.equal(await account.balance(), 2 * song);
  assert.equal((await systemRows(id)).length, 1);
  const charges = (await admin.consumeRows()).filter(({ username }) => username === "crash");
  assert.deepEqual(charges.map(({ quota }) => quota), [song]);
});

test("tasks Q10: a task whose channel is gone fails and is given back", async () => {
  const { account, token: theirs } = await customer(admin, gateway.url, "orphan", 2 * song);
  const id = (await submit(undefined, theirs.key)).body.data;
  await admin.call("DELETE", `/api/channel/${channel.id}`);
  const theirView = async () => (await call(`/suno/fetch/${id}`, undefined, theirs.key)).body.data;
  await eventually(async () => (await theirView()).status === "FAILURE", "it failed", wait);
  assert.equal((await theirView()).fail_reason, `获取渠道信息失败，请联系管理员，渠道ID：${channel.id}`);
  assert.equal(await account.balance(), 2 * song);
});
