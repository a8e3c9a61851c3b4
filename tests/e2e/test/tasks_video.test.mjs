// Videos in OpenAI's format: price by what is asked for, reading, the film itself, remixes (docs/tasks.md).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Account, eventually, startGateway, upstreamKey } from "../lib/gateway.mjs";
import { customer, startTaskServer } from "../lib/task_server.mjs";

const wait = 60_000;
let upstream, gateway, admin, token;

before(async () => {
  upstream = await startTaskServer();
  gateway = await startGateway({ env: { TOLLGATE_TASK_POLL: "200ms", TASK_PRICE_PATCH: "sora-2-flat" } });
  admin = await Account.setup(gateway.url);
  await admin.channel({
    type: 55,
    base_url: upstream.url,
    models: "sora-2,sora-2-pro,sora-2-flat,mine",
    model_mapping: '{"mine":"sora-2"}',
  });
  await admin.channel({ type: 2, name: "no videos", base_url: upstream.url, models: "not-a-video" });
  token = await admin.token();
});
after(async () => {
  await gateway.stop();
  await upstream.stop();
});

const call = async (path, body, key = token.key) => {
  const form = body instanceof FormData;
  const response = await fetch(gateway.url + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { Authorization: `Bearer ${key}`, ...(form ? {} : { "Content-Type": "application/json" }) },
    body: body === undefined || form ? body : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json(), id: response.headers.get("x-oneapi-request-id") };
};
const film = (fields) => ({ model: "sora-2", prompt: "a dog runs", ...fields });
const view = async (id) => (await call(`/v1/video/generations/${id}`)).body.data;
const until = (id, status) => eventually(async () => (await view(id)).status === status, `${id} is ${status}`, wait);
const refusal = (code, message) => ({ code, message, data: null });
const last = (text) => upstream.askedFor(text).filter(({ method }) => method === "POST").at(-1); // not the poller
const costs = async (units, work) => {
  const balance = await admin.balance();
  const result = await work();
  assert.equal(balance - (await admin.balance()), units);
  return result;
};

test("tasks 14.1: a video costs its seconds and its size; the row says how", async () => {
  const answer = await costs(600_000, () => call("/v1/videos", film()));
  assert.equal(answer.status, 200);
  assert.equal(answer.body.object, "video");
  assert.equal(answer.body.status, "queued");
  assert.equal("secret_of_upstream" in answer.body, false);
  const sent = last("/v1/videos");
  assert.deepEqual(sent.body, film());
  assert.equal(sent.headers.authorization, `Bearer ${upstreamKey}`);
  const row = await admin.row(answer.id);
  assert.equal(row.content, "操作 textGenerate, 计算参数：seconds: 4.00");
  assert.equal(row.quota, 600_000);
  const large = await costs(3_333_334, () =>
    call("/v1/video/generations", film({ model: "sora-2-pro", seconds: "8", size: "1792x1024" })),
  );
  assert.equal((await admin.row(large.id)).content, "操作 textGenerate, 计算参数：seconds: 8.00, size: 1.67");
});

test("tasks 14.3: models of TASK_PRICE_PATCH cost their price a call", async () => {
  await admin.option("ModelPrice", JSON.stringify({ "sora-2-flat": 0.3 }));
  await eventually(async () => {
    const answer = await call("/v1/videos", film({ model: "sora-2-flat", seconds: "12" }));
    const row = await admin.row(answer.id);
    assert.equal(row.content, "操作 textGenerate，按次计费");
    return row.quota === 150_000;
  }, "the price is in force", wait);
  await admin.option("ModelPrice", "{}");
  // The built-in prices hold where the table has none.
  await costs(600_000, () => call("/v1/videos", film()));
});

test("tasks Q3: the model goes upstream as the channel maps it, in JSON and in forms", async () => {
  await call("/v1/videos", film({ model: "mine" }));
  assert.equal(last("/v1/videos").body.model, "sora-2");
  const form = new FormData();
  form.set("model", "mine");
  form.set("prompt", "a dog");
  form.set("seconds", "8");
  form.set("input_reference", new Blob(["picture"], { type: "image/png" }), "p.png");
  const answer = await call("/v1/videos", form);
  assert.equal(answer.status, 200);
  const sent = last("/v1/videos");
  assert.match(sent.headers["content-type"], /^multipart\/form-data; boundary=/);
  assert.match(sent.text, /name="model"\r\n\r\nsora-2\r\n/);
  assert.match(sent.text, /filename="p.png"\r\nContent-Type: image\/png\r\n\r\npicture\r\n/);
});

test("tasks 8.2, 3.3: what a request must have", async () => {
  await costs(0, async () => {
    const said = async (body) => {
      const answer = await call("/v1/videos", body);
      assert.equal(answer.status, 400);
      return answer.body;
    };
    assert.deepEqual(await said(film({ prompt: " " })), refusal("invalid_request", "prompt is required"));
    assert.deepEqual(await said(film({ size: "1792x1024" })), refusal("invalid_size", "sora-2 size is invalid"));
    assert.deepEqual(await said(film({ seconds: 8 })), refusal("invalid_json", "seconds must be a string"));
    assert.deepEqual(await said(film({ model: "not-a-video" })), refusal("invalid_api_platform", "invalid api platform: 2"));
    assert.match((await said({ prompt: "a" })).error.message, /^未指定模型名称/);
  });
});

test("tasks 5.2, 6.3, 7: a video is asked about until it is there, and its film passes through", async () => {
  const { id } = (await call("/v1/videos", film())).body;
  const early = await fetch(`${gateway.url}/v1/videos/${id}/content`, { headers: { Authorization: `Bearer ${token.key}` } });
  assert.equal(early.status, 400);
  assert.match((await early.json()).error.message, /^Task is not completed yet, current status: /);
  upstream.say(id, { status: "in_progress", progress: 40 });
  await until(id, "IN_PROGRESS");
  assert.equal((await view(id)).progress, "40%");
  upstream.say(id, { status: "completed", progress: 100 });
  await until(id, "SUCCESS");
  const seen = await view(id);
  assert.equal(seen.progress, "100%");
  assert.match(seen.fail_reason, new RegExp(`/v1/videos/${id}/content$`));
  assert.equal((await call(`/v1/videos/${id}`)).body.status, "completed");

  const content = (headers) =>
    fetch(`${gateway.url}/v1/videos/${id}/content`, { headers: { Authorization: `Bearer ${token.key}`, ...headers } });
  const whole = await content();
  assert.equal(whole.headers.get("content-type"), "video/mp4");
  assert.equal(whole.headers.get("cache-control"), "private, max-age=86400");
  assert.equal(whole.headers.get("set-cookie"), null);
  assert.equal(await whole.text(), upstream.film);
  // Q18: a part may be asked for.
  const part = await content({ Range: "bytes=2-" });
  assert.equal(part.status, 206);
  assert.equal(await part.text(), upstream.film.slice(2));
});

test("tasks 4.4: a failed video is given back once, with a log row", async () => {
  await costs(0, async () => {
    const { id } = (await call("/v1/videos", film())).body;
    upstream.say(id, { status: "failed", error: { message: "moderated" } });
    await until(id, "FAILURE");
    assert.equal((await view(id)).fail_reason, "moderated");
    const rows = (await admin.call("GET", "/api/log/?p=1&page_size=100&type=4")).items.filter(({ content }) => content.includes(id));
    assert.deepEqual(rows.map(({ content }) => content), [`Video async task failed ${id}, refund ＄1.200000 额度`]);
  });
});

test("tasks Q13: what an upstream does not know for now is left as it is", async () => {
  const { id } = (await call("/v1/videos", film())).body;
  upstream.say(id, { status: "in_progress" });
  await until(id, "IN_PROGRESS");
  upstream.forget(id);
  const before = upstream.askedFor(id).length;
  await eventually(() => upstream.askedFor(id).length > before + 2, "asked again in vain", wait);
  assert.equal((await view(id)).status, "IN_PROGRESS");
});

test("tasks 14.8: a remix costs what its origin asked for, at its channel", async () => {
  const origin = (await call("/v1/videos", film({ seconds: "8", size: "720x1280" }))).body.id;
  const answer = await costs(1_200_000, () => call(`/v1/videos/${origin}/remix`, { prompt: "at night" }));
  assert.equal(answer.body.remixed_from_video_id, origin);
  assert.equal((await view(answer.body.id)).action, "remixGenerate");
  assert.deepEqual((await call(`/v1/videos/${origin}/remix`, {})).body, refusal("invalid_request", "field prompt is required"));
  assert.deepEqual((await call("/v1/videos/none/remix", { prompt: "x" })).body, refusal("task_not_exist", "task_origin_not_exist"));
});

test("T-21, Q16: videos of others are as unknown as any", async () => {
  const { id } = (await call("/v1/videos", film())).body;
  const { token: other } = await customer(admin, gateway.url, "other", 0);
  for (const path of [`/v1/videos/${id}`, `/v1/video/generations/${id}`])
    assert.deepEqual((await call(path, undefined, other.key)).body, refusal("task_not_exist", "task_not_exist"));
  const content = await call(`/v1/videos/${id}/content`, undefined, other.key);
  assert.deepEqual([content.status, content.body.error.message], [404, "Task not found"]);
});
