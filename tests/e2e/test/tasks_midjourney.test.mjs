// Midjourney: pictures, changes of them, what is charged and what is not, reading, call-backs, polling (docs/tasks.md).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Account, eventually, startGateway, upstreamKey } from "../lib/gateway.mjs";
import { customer, startTaskServer } from "../lib/task_server.mjs";

const wait = 60_000;
const picture = 50_000; // 0.1 dollars
let upstream, gateway, admin, token;

before(async () => {
  upstream = await startTaskServer();
  gateway = await startGateway({ env: { TOLLGATE_TASK_POLL: "200ms" } });
  admin = await Account.setup(gateway.url);
  const models = ["imagine", "describe", "blend", "upscale", "variation", "reroll", "inpaint", "modal", "upload", "custom_zoom"];
  await admin.channel({ type: 2, base_url: upstream.url, models: [...models.map((name) => `mj_${name}`), "swap_face"].join(",") });
  token = await admin.token();
});
after(async () => {
  await gateway.stop();
  await upstream.stop();
});

const call = async (path, body, key = token.key) => {
  const response = await fetch(gateway.url + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { "mj-api-secret": key, "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, text, body: text ? JSON.parse(text) : undefined, id: response.headers.get("x-oneapi-request-id") };
};
const submit = (what, body, key) => call(`/mj/submit/${what}`, body, key);
const imagine = async (fields = {}) => (await submit("imagine", { prompt: "a cat", ...fields })).body.result;
const view = async (id) => (await call(`/mj/task/${id}/fetch`)).body;
const until = (id, status) => eventually(async () => (await view(id)).status === status, `${id} is ${status}`, wait);
const finished = async (fields) => {
  const id = await imagine();
  upstream.say(id, { status: "SUCCESS", progress: "100%", ...fields });
  await until(id, "SUCCESS");
  return id;
};
const refusal = (description, code = 4) => ({ description: `${description} `, type: "upstream_error", code });
const last = (text) => upstream.askedFor(text).at(-1);
const systemRows = async (text) =>
  (await admin.call("GET", "/api/log/?p=1&page_size=100&type=4")).items.filter(({ content }) => content.includes(text));
const free = async (work) => {
  const balance = await admin.balance();
  const result = await work();
  assert.equal(await admin.balance(), balance);
  return result;
};

test("tasks 12.3: a picture is taken on, stored and charged, the request passed on without what options leave out", async () => {
  const balance = await admin.balance();
  await admin.option("MjModeClearEnabled", "true");
  const answer = await submit("imagine", { prompt: "a cat --fast", notifyHook: "https://x/y", accountFilter: { modes: ["FAST"] } });
  await admin.option("MjModeClearEnabled", "false");
  assert.equal(answer.status, 200);
  assert.equal(answer.body.code, 1);
  const sent = last("/mj/submit/imagine");
  assert.deepEqual(sent.body, { prompt: "a cat " });
  assert.equal(sent.headers["mj-api-secret"], upstreamKey);
  assert.equal(sent.headers.authorization, undefined);
  const row = await admin.row(answer.id);
  assert.equal(row.quota, picture);
  assert.equal(row.model_name, "mj_imagine");
  assert.equal(row.content, `模型固定价格 0.10，分组倍率 1.00，操作 IMAGINE，ID ${answer.body.result}`);
  assert.deepEqual(JSON.parse(row.other), { group_ratio: 1, model_price: 0.1, request_path: "/mj/submit/imagine" });
  assert.equal(balance - (await admin.balance()), picture);
  const seen = await view(answer.body.result);
  assert.equal(seen.prompt, "a cat --fast");
  assert.equal(seen.action, "IMAGINE");
});

test("tasks 12.3: what is queued or there already is charged and reads as taken on; what is refused costs nothing", async () => {
  const balance = await admin.balance();
  upstream.refuse({ body: '{"code":22,"description":"queued","result":"0741","properties":{}}' });
  assert.equal((await submit("imagine", { prompt: "a" })).text, '{"code":1,"description":"queued","result":"0741","properties":{}}');
  upstream.refuse({
    body: { code: 21, description: "exists", result: "0742", properties: { imageUrl: "https://i/0742.png", status: "SUCCESS" } },
  });
  assert.equal((await submit("imagine", { prompt: "a" })).body.code, 1);
  assert.equal((await view("0742")).status, "SUCCESS");
  assert.equal((await view("0742")).progress, "100%");
  assert.equal(balance - (await admin.balance()), 2 * picture);
  await free(async () => {
    for (const code of [3, 23, 24]) {
      upstream.refuse({ body: { code, description: `refused ${code}`, result: code === 23 ? "0743" : null } });
      const answer = await submit("imagine", { prompt: "a" });
      assert.equal(answer.status, 200);
      assert.equal(answer.body.code, code);
    }
    upstream.refuse({ status: 500, body: { code: 1, description: "broken", result: "0744" } });
    assert.equal((await submit("imagine", { prompt: "a" })).status, 500);
    upstream.refuse();
    // Q47: it was never charged, so its failure gives nothing back.
    upstream.say("0743", { status: "FAILURE", progress: "100%", failReason: "queue full" });
    await until("0743", "FAILURE");
  });
  assert.deepEqual(await systemRows("0743"), []);
});

test("tasks 12.9: the poller brings what an upstream tells of a picture", async () => {
  const id = await imagine({ state: "mine" });
  const buttons = [{ customId: "MJ::JOB::upsample::1::x", emoji: "", label: "U1", type: 2, style: 2 }];
  upstream.say(id, { status: "IN_PROGRESS", progress: "40%", imageUrl: "https://i/half.png", promptEn: "a cat", buttons });
  await until(id, "IN_PROGRESS");
  const seen = await view(id);
  assert.equal(seen.progress, "40%");
  assert.deepEqual(seen.buttons, buttons);
  assert.match(seen.imageUrl, new RegExp(`/mj/image/${id}\\?rand=\\d+$`));
  await admin.option("MjForwardUrlEnabled", "false");
  await eventually(async () => (await view(id)).imageUrl === "https://i/half.png", "the address of the upstream", wait);
  await admin.option("MjForwardUrlEnabled", "true");
  upstream.say(id, { status: "SUCCESS", progress: "100%" });
  await until(id, "SUCCESS");
  const list = await call("/mj/task/list-by-condition", { ids: [id, "none"] });
  assert.deepEqual(list.body.map((one) => one.id), [id]);
  assert.deepEqual((await call("/mj/task/list-by-condition", { ids: ["none"] })).body, []);
  assert.deepEqual((await call("/mj/task/none/fetch")).body, refusal("task_no_found"));
});

test("tasks 12.9, 4.4: a picture that failed is given back once, with a log row", async () => {
  await free(async () => {
    const id = await imagine();
    upstream.say(id, { status: "FAILURE", progress: "100%", failReason: "banned" });
    await until(id, "FAILURE");
    assert.equal((await view(id)).failReason, "banned");
    await eventually(async () => (await systemRows(id)).length === 1, "its log row", wait);
    assert.equal((await systemRows(id))[0].content, `构图失败 ${id}，补偿 ＄0.100000 额度`);
  });
});

test("tasks 12.3: changes go to the picture's channel and need it to be done; each has its price", async () => {
  const origin = await finished();
  const balance = await admin.balance();
  const upscale = await submit("change", { taskId: origin, action: "UPSCALE", index: 2 });
  assert.equal(upscale.body.code, 1);
  assert.equal(balance - (await admin.balance()), 25_000);
  assert.equal((await view(upscale.body.result)).prompt, "a cat");
  assert.equal((await view(upscale.body.result)).action, "UPSCALE");
  // Q43: a reroll is about no picture in particular. Q41: simple changes are read.
  assert.equal((await submit("change", { taskId: origin, action: "REROLL" })).body.code, 1);
  assert.equal((await submit("simple-change", { content: `${origin} V1` })).body.code, 1);
  assert.equal((await submit("action", { taskId: origin, customId: "MJ::JOB::upsample::2::3dbbd469" })).body.code, 1);
  assert.equal(balance - (await admin.balance()), 25_000 + picture + picture + 25_000);
  await free(async () => {
    assert.equal((await submit("action", { taskId: origin, customId: "MJ::Inpaint::1::3dbbd469" })).body.code, 1);
    assert.equal((await submit("action", { taskId: origin, customId: "MJ::CustomZoom::3dbbd469" })).body.code, 1);
    assert.deepEqual((await submit("change", { taskId: origin, action: "UPSCALE" })).body, refusal("index_is_required"));
    assert.deepEqual((await submit("change", { taskId: "none", action: "UPSCALE", index: 1 })).body, refusal("task_not_found"));
    const open = await call("/mj/submit/imagine", { prompt: "" });
    assert.deepEqual([open.status, open.body], [400, refusal("prompt_is_required")]);
  });
  const unfinished = await imagine();
  assert.deepEqual((await submit("change", { taskId: unfinished, action: "UPSCALE", index: 1 })).body, refusal("task_status_not_success"));
  assert.equal((await submit("modal", { taskId: unfinished })).body.code, 1);
});

test("core 3.1: bodies that name no action are refused before a channel is looked for", async () => {
  const wrong = await submit("action", { customId: "nothing" });
  assert.equal(wrong.status, 400);
  assert.match(wrong.body.error.message, /^Invalid request, unknown_action/);
});

test("tasks 12.3, 4.1: a balance too small", async () => {
  const { token: poor } = await customer(admin, gateway.url, "poor", picture - 1);
  const answer = await submit("imagine", { prompt: "a" }, poor.key);
  assert.deepEqual([answer.status, answer.body], [400, refusal("quota_not_enough")]);
});

test("tasks 12.3: an upload is done at once", async () => {
  upstream.refuse({ body: { code: 1, description: "ok", result: ["https://i/1.png"] } });
  const balance = await admin.balance();
  assert.equal((await submit("upload-discord-images", { base64Array: ["x"] })).body.code, 1);
  upstream.refuse();
  assert.equal(balance - (await admin.balance()), 25_000);
});

test("tasks 12.4: a face swap is charged for code 1 alone", async () => {
  const balance = await admin.balance();
  assert.deepEqual((await call("/mj/insight-face/swap", { sourceBase64: "a" })).body, refusal("sour_base64_and_target_base64_is_required"));
  const answer = await call("/mj/insight-face/swap", { sourceBase64: "a", targetBase64: "b" });
  assert.equal(answer.body.code, 1);
  const seen = await view(answer.body.result);
  assert.deepEqual([seen.action, seen.prompt], ["SWAP_FACE", "InsightFace"]);
  upstream.refuse({ body: { code: 22, description: "queued", result: "9" } });
  await call("/mj/insight-face/swap", { sourceBase64: "a", targetBase64: "b" });
  upstream.refuse();
  assert.equal(balance - (await admin.balance()), 25_000);
});

test("tasks 12.5, Q48: a seed is asked for with the channel's key", async () => {
  const id = await finished();
  assert.equal((await call(`/mj/task/${id}/image-seed`)).body.result, "1234");
  assert.equal(last("image-seed").headers["mj-api-secret"], upstreamKey);
});

test("tasks 12.8, Q49: a call-back counts from the owner alone, and gives nothing back: for a failure the upstream is asked", async () => {
  const { token: other } = await customer(admin, gateway.url, "other", 0);
  const id = await imagine();
  const news = { id, status: "IN_PROGRESS", progress: "50%", promptEn: "announced" };
  assert.deepEqual((await call("/mj/notify", news, other.key)).body, refusal("midjourney_task_not_found"));
  assert.deepEqual((await call(`/mj/task/${id}/fetch`, undefined, other.key)).body, refusal("task_no_found"));
  assert.notEqual((await view(id)).promptEn, "announced");
  upstream.say(id, news);
  await eventually(async () => {
    await call("/mj/notify", news);
    return (await view(id)).promptEn === "announced";
  }, "the news is written", wait);
  await free(async () => {
    const failure = await call("/mj/notify", { id, status: "FAILURE", progress: "100%", failReason: "says its owner" });
    assert.equal(failure.status, 200);
    assert.equal((await view(id)).status, "IN_PROGRESS");
  });
  upstream.say(id, { status: "FAILURE", progress: "100%", failReason: "says the upstream" });
  await until(id, "FAILURE");
  await call("/mj/notify", { id, status: "SUCCESS", progress: "100%" });
  assert.equal((await view(id)).failReason, "says the upstream");
  assert.equal((await systemRows(id)).length, 1);
});

test("tasks 12.7: the picture itself, without a key, where the fetch rules allow its address", async () => {
  const id = await finished({ imageUrl: `${upstream.url}/picture.png` });
  const refused = await fetch(`${gateway.url}/mj/image/${id}`);
  assert.deepEqual([refused.status, await refused.json()], [500, { error: "http_get_image_failed" }]);
  await admin.option("fetch_setting.enable_ssrf_protection", "false");
  await eventually(async () => (await fetch(`${gateway.url}/mj/image/${id}`)).status === 200, "the rules are in force", wait);
  const answer = await fetch(`${gateway.url}/mj/image/${id}`);
  assert.equal(answer.headers.get("content-type"), "image/png");
  assert.equal(answer.headers.get("set-cookie"), null);
  assert.equal(await answer.text(), "a picture");
  const unknown = await fetch(`${gateway.url}/mj/image/none`);
  assert.deepEqual([unknown.status, await unknown.json()], [400, { error: "midjourney_task_not_found" }]);
});

test("tasks 12.1: a mode may stand before every route", async () => {
  const answer = await call("/mj-fast/mj/submit/imagine", { prompt: "a" });
  assert.equal(answer.body.code, 1);
  assert.equal(last("/mj/submit/imagine").path, "/mj/submit/imagine");
  assert.equal((await call(`/mj-fast/mj/task/${answer.body.result}/fetch`)).body.id, answer.body.result);
  await call("/relax/mj/submit/imagine", { prompt: "a" });
  assert.equal(last("imagine").path, "/relax/mj/submit/imagine");
});

test("tasks 12.3, Q46: without an account the channel is switched off automatically", async () => {
  await admin.option("AutomaticDisableChannelEnabled", "true");
  upstream.refuse({ body: { code: 3, description: "no account" } });
  await submit("imagine", { prompt: "a" });
  upstream.refuse();
  const channel = () => admin.call("GET", "/api/channel/?p=1&page_size=10").then(({ items }) => items[0]);
  await eventually(async () => (await channel()).status === 3, "the channel is off", wait);
  assert.match((await channel()).other_info, /No available account instance/);
});
