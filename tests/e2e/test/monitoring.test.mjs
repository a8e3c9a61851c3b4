// What the gateway finds out about its channels by itself, and whom it tells of what.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, beforeEach, describe, it } from "node:test";
import { canary } from "../lib/canary.mjs";
import { eventually, startAll } from "../lib/gateway.mjs";
import { startHookServer } from "../lib/hook_server.mjs";
import { startKeyServer } from "../lib/key_server.mjs";
import { startSmtpServer } from "../lib/smtp_server.mjs";

let counter = 0;
const fresh = (name) => `${name}-${++counter}`;
const secret = canary("webhook");
const mailPassword = canary("smtp");

describe("monitoring", { timeout: 180_000 }, () => {
  let all, admin, upstream, hooks, smtp;

  before(async () => {
    upstream = await startKeyServer();
    hooks = await startHookServer();
    smtp = await startSmtpServer();
    all = await startAll({ env: { ERROR_LOG_ENABLED: "true", NOTIFY_LIMIT_COUNT: "3" } });
    admin = all.admin;
    // The servers of this test are on this machine, where users may not send us otherwise.
    await admin.option("fetch_setting.enable_ssrf_protection", "false");
    await admin.option("ServerAddress", "https://gw.example");
    await admin.option("AutomaticDisableChannelEnabled", "true");
  });
  after(async () => {
    await all?.stop();
    await upstream?.stop();
    await hooks?.stop();
    await smtp?.stop();
  });
  beforeEach(async () => {
    hooks.got.length = 0;
    upstream.asked.length = 0;
    await webhook();
  });

  const setting = (fields) =>
    admin.call("PUT", "/api/user/setting", { notify_type: "email", quota_warning_threshold: 1, ...fields });
  const webhook = (more) =>
    setting({ notify_type: "webhook", webhook_url: `${hooks.url}/hook`, webhook_secret: secret, ...more });
  const get = (id) => admin.call("GET", `/api/channel/${id}`);
  async function plainGet(path) {
    const headers = { Cookie: admin.cookie, "New-Api-User": String(admin.id) };
    return (await fetch(all.gateway.url + path, { headers })).json();
  }
  async function makeChannel(fields, mode = {}) {
    const name = fresh("channel");
    const channel = { type: 1, name, base_url: upstream.url, group: "default", models: fresh("model"), ...fields };
    await admin.call("POST", "/api/channel/", { mode: "single", ...mode, channel });
    const { items } = await admin.call("GET", "/api/channel/?p=1&page_size=100&id_sort=true");
    return { id: items.find((item) => item.name === name).id, name };
  }
  const remove = (id) => admin.call("DELETE", `/api/channel/${id}`);
  const untilStatus = (id, status) =>
    eventually(async () => {
      const channel = await get(id);
      return channel.status === status && channel;
    }, `channel ${id} has status ${status}`);
  const hookOf = (type) => eventually(() => hooks.hooks(type)[0], `a webhook ${type}`);
  const begin = () =>
    eventually(async () => (await plainGet("/api/channel/test")).success, "no other run is under way");
  /** A whole run: one begins only when the one before is over. */
  async function runAll() {
    await begin();
    await begin();
  }
  async function testBy(minutes) {
    await admin.option("monitor_setting.auto_test_channel_minutes", minutes);
    await admin.option("monitor_setting.auto_test_channel_enabled", "true");
  }
  const testNoMore = () => admin.option("monitor_setting.auto_test_channel_enabled", "false");

  it("channels are tested by the clock: one that fails goes off, comes back when it works, and root is told of both", async () => {
    const { id, name } = await makeChannel({ key: "sk-timed" });
    upstream.refuse("sk-timed", { status: 401, body: { error: { message: "wrong key", type: "t", code: "c" } } });
    await admin.option("AutomaticEnableChannelEnabled", "true");
    await testBy("0.02");
    await untilStatus(id, 3);
    const off = await hookOf(`channel_update_${id}_3`);
    assert.equal(off.title, `通道「${name}」（#${id}）已被禁用`);
    assert.equal(off.content, `通道「${name}」（#${id}）已被禁用，原因：status_code=401, wrong key`);
    assert.ok(!("values" in off));
    const rows = await eventually(async () => {
      const { items } = await admin.call("GET", `/api/log/?p=1&page_size=10&type=5&channel=${id}`);
      return items.length > 0 && items;
    }, "the failure is in the log");
    assert.equal(rows[0].content, "status_code=401, wrong key");
    assert.equal(rows[0].token_name, "模型测试");

    upstream.refuse("sk-timed");
    const channel = await untilStatus(id, 1);
    assert.ok(channel.test_time > 1_700_000_000);
    const on = await hookOf(`channel_update_${id}_1`);
    assert.equal(on.title, `通道「${name}」（#${id}）已被启用`);
    assert.equal(on.content, on.title);
    await testNoMore();
    assert.deepEqual(hooks.hooks("channel_test"), [], "a run by the clock ends without a word");
    await remove(id);
    await admin.option("AutomaticEnableChannelEnabled", "false");
  });

  it("a run that somebody asked for ends with a word to root, by mail with the texts filled in", async () => {
    for (const [key, value] of Object.entries({
      SMTPServer: "127.0.0.1",
      SMTPPort: String(smtp.port),
      SMTPAccount: "gateway@example.com",
      SMTPToken: mailPassword,
      SystemName: "Tollgate",
    }))
      await admin.option(key, value);
    await setting({ notification_email: "root@example.com" });
    await runAll();
    const mail = await eventually(() => smtp.mails[0], "a mail");
    assert.equal(mail.from, "gateway@example.com");
    assert.deepEqual(mail.to, ["root@example.com"]);
    assert.deepEqual(mail.auth, { how: "PLAIN", text: `\0gateway@example.com\0${mailPassword}` });
    assert.equal(mail.html, "所有通道测试已完成");
    assert.ok(mail.headers.includes(`Subject: =?UTF-8?B?${Buffer.from("通道测试完成").toString("base64")}?=`));
    assert.ok(mail.headers.includes("From: Tollgate <gateway@example.com>"));

    // The same from a server that is not this machine as far as the gateway knows, and has no TLS to offer.
    const elsewhere = await startSmtpServer("127.0.0.2");
    await admin.option("SMTPServer", "127.0.0.2");
    await admin.option("SMTPPort", String(elsewhere.port));
    await runAll();
    await eventually(
      () => all.gateway.output().includes("notification channel_test to user 1 is not sent"),
      "the log line",
    );
    assert.deepEqual(elsewhere.mails, []);
    assert.ok(elsewhere.said.length > 0 && !elsewhere.said.some((line) => line.startsWith("AUTH")), elsewhere.said.join());
    await elsewhere.stop();
  });

  it("a channel that is too slow goes off in a run and is not brought back by one", async () => {
    const chat = {
      delay: 60,
      body: {
        id: "c",
        object: "chat.completion",
        created: 1,
        model: "m",
        choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
        usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
      },
    };
    hooks.answer("/v1/chat/completions", chat);
    const { id } = await makeChannel({ key: "sk-slow", base_url: hooks.url });
    await admin.option("ChannelDisableThreshold", "0.05");
    await admin.option("AutomaticEnableChannelEnabled", "true");
    await runAll();
    const channel = await untilStatus(id, 3);
    assert.match(
      JSON.parse(channel.other_info).status_reason,
      /^status_code=408, 响应时间 \d+\.\d\ds 超过阈值 0\.05s$/,
    );
    await runAll();
    assert.equal((await get(id)).status, 3);
    await admin.option("ChannelDisableThreshold", "0");
    await runAll();
    await untilStatus(id, 1);
    await admin.option("ChannelDisableThreshold", "5");
    await admin.option("AutomaticEnableChannelEnabled", "false");
    await remove(id);
  });

  it("tests speak to each kind of model in its own words, and judge what comes", async () => {
    const answers = {
      "bge-reranker-v2": ["/v1/rerank", { results: [{ index: 0, relevance_score: 0.5 }], usage: { total_tokens: 9, prompt_tokens: 9 } }],
      "omni-moderation-latest": ["/v1/moderations", { id: "m", results: [{ flagged: false }] }],
      "nomic-embed-text": ["/v1/embeddings", { data: [{ index: 0, embedding: [1] }], usage: { prompt_tokens: 2, total_tokens: 2 } }],
      picture: ["/v1/images/generations", { created: 1, data: [{ url: "https://x" }] }],
    };
    await admin.option("ModelRatio", JSON.stringify({ "bge-reranker-v2": 1, "omni-moderation-latest": 1 }));
    const { id } = await makeChannel({ key: "sk-kinds", base_url: hooks.url, models: Object.keys(answers).join() });
    for (const [model, [path, body]] of Object.entries(answers)) {
      const query = `?model=${model}${model === "picture" ? "&endpoint_type=image-generation" : ""}`;
      hooks.answer(path, { body });
      hooks.got.length = 0;
      const good = await plainGet(`/api/channel/test/${id}${query}`);
      assert.equal(good.message, "", model);
      assert.equal(good.success, true);
      assert.deepEqual(hooks.got.map((request) => request.path), [path]);
      hooks.answer(path, { body: { object: "list" } });
      assert.equal((await plainGet(`/api/channel/test/${id}${query}`)).success, false, model);
    }
    await remove(id);
  });

  it("balances are asked for at the channel's address, stored and shown; a single question switches nothing off", async () => {
    hooks.answer("/v1/dashboard/billing/subscription", { body: { hard_limit_usd: 100, has_payment_method: true } });
    hooks.answer("/v1/dashboard/billing/usage", { body: { total_usage: 2550 } });
    hooks.answer("/user/balance", { body: { balance_infos: [{ currency: "CNY", total_balance: "0" }] } });
    const openai = await makeChannel({ key: "sk-balance", base_url: hooks.url });
    const deepseek = await makeChannel({ type: 43, key: "sk-broke", base_url: hooks.url });
    assert.deepEqual(await plainGet(`/api/channel/update_balance/${openai.id}`), {
      success: true,
      message: "",
      balance: 74.5,
    });
    assert.equal(hooks.got[0].headers.authorization, "Bearer sk-balance");
    assert.match(hooks.got[1].path, /^\/v1\/dashboard\/billing\/usage\?start_date=\d{4}-\d\d-01&end_date=\d{4}-\d\d-\d\d$/);
    const channel = await get(openai.id);
    assert.equal(channel.balance, 74.5);
    assert.ok(channel.balance_updated_time > 1_700_000_000);

    assert.equal((await plainGet(`/api/channel/update_balance/${deepseek.id}`)).balance, 0);
    assert.equal((await get(deepseek.id)).status, 1);
    const kept = await makeChannel({ type: 43, key: "sk-broke-too", base_url: hooks.url, auto_ban: 0 });
    await admin.call("GET", "/api/channel/update_balance");
    const off = await untilStatus(deepseek.id, 3);
    assert.equal(JSON.parse(off.other_info).status_reason, "余额不足");
    assert.match((await hookOf(`channel_update_${deepseek.id}_3`)).content, /已被禁用，原因：余额不足$/);
    assert.equal((await get(kept.id)).status, 1);
    assert.equal((await get(openai.id)).status, 1);
    for (const { id } of [openai, deepseek, kept]) await remove(id);
  });

  it("what has no balance says so", async () => {
    const several = await makeChannel({ key: "sk-one\nsk-two" }, { mode: "multi_to_single", multi_key_mode: "random" });
    const other = await makeChannel({ type: 42, key: "sk-mistral" });
    hooks.answer("/v1/dashboard/billing/subscription", { status: 403 });
    const refused = await makeChannel({ key: "sk-no", base_url: hooks.url });
    const message = async (id) => (await plainGet(`/api/channel/update_balance/${id}`)).message;
    assert.equal(await message(several.id), "多密钥渠道不支持余额查询");
    assert.equal(await message(other.id), "尚未实现");
    assert.equal(await message(refused.id), "status code: 403");
    assert.equal(await message(987654), "渠道# 987654，已不存在");
    for (const { id } of [several, other, refused]) await remove(id);
  });

  describe("a balance below the user's threshold", () => {
    let model, id, key;
    before(async () => {
      model = fresh("priced");
      await admin.option("ModelRatio", JSON.stringify({ [model]: 1 }));
      ({ id } = await makeChannel({ key: "sk-charged", models: model }));
      key = (await admin.token()).key;
    });
    after(() => remove(id));
    async function chat() {
      const response = await fetch(`${all.gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
        body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }] }),
      });
      assert.equal(response.status, 200);
      await response.text();
    }

    it("is told by webhook, signed, with its values, and not for ever", async () => {
      await chat();
      await admin.call("GET", "/api/data/self?start_timestamp=0&end_timestamp=0");
      assert.deepEqual(hooks.hooks("quota_exceed"), [], "the balance is above one unit");

      await webhook({ quota_warning_threshold: 1e15 });
      await chat();
      const [request] = await eventually(() => hooks.got.length > 0 && hooks.got, "a webhook");
      const hook = JSON.parse(request.body);
      assert.equal(request.method, "POST");
      assert.equal(request.headers["content-type"], "application/json");
      assert.equal(
        request.headers["x-webhook-signature"],
        createHmac("sha256", secret).update(request.body).digest("hex"),
      );
      assert.equal(hook.type, "quota_exceed");
      assert.equal(hook.title, "您的额度即将用尽");
      assert.equal(hook.values.length, 4);
      assert.match(hook.values[1], /^＄\d+\.\d{6}$/);
      assert.equal(hook.values[3], "https://gw.example/console/topup");
      assert.equal(
        hook.content,
        `${hook.title}，当前剩余额度为 ${hook.values[1]}，为了不影响您的使用，请及时充值。<br/>充值链接：<a href='${hook.values[2]}'>${hook.values[3]}</a>`,
      );
      assert.ok(Math.abs(hook.timestamp - Date.now() / 1000) < 60);

      // Until the limit of three is used up, and a line in the log says so.
      await eventually(async () => {
        await chat();
        return hooks.got.length === 3;
      }, "three are sent");
      await setting({ quota_warning_threshold: 1e15 }); // by mail: the same count
      await chat();
    });

    it("counts hours for the dashboard", async () => {
      const span = `start_timestamp=${Math.floor(Date.now() / 1000) - 7200}&end_timestamp=${Math.floor(Date.now() / 1000)}`;
      const sum = (list, field) => list.reduce((total, row) => total + row[field], 0);
      let consumed;
      for (const path of [`/api/data/self?${span}`, `/api/data/?${span}&username=root`, `/api/data/?${span}`]) {
        const rows = await eventually(async () => {
          // Tests of channels charge nobody, and are not counted.
          consumed = (await admin.consumeRows()).filter(
            (row) => row.model_name === model && row.token_name !== "模型测试",
          );
          const found = (await admin.call("GET", path)).filter((row) => row.model_name === model);
          return sum(found, "count") === consumed.length && consumed.length > 4 && found;
        }, `all requests in ${path}`);
        assert.equal(sum(rows, "quota"), sum(consumed, "quota"));
        assert.equal(sum(rows, "token_used"), sum(consumed, "prompt_tokens") + sum(consumed, "completion_tokens"));
        assert.ok(rows.every((row) => row.created_at % 3600 === 0));
        const named = path.includes("self") || path.includes("username");
        assert.ok(rows.every((row) => row.username === (named ? "root" : "") && (row.id !== 0) === named));
      }
      const far = await plainGet("/api/data/self?start_timestamp=0&end_timestamp=9999999999");
      assert.deepEqual(far, { success: false, message: "时间跨度不能超过 1 个月" });
      assert.deepEqual(await admin.call("GET", "/api/data/?start_timestamp=1"), []);
    });
  });

  it("Bark and Gotify get theirs", async () => {
    await setting({ notify_type: "bark", bark_url: `${hooks.url}/bark/{{title}}/{{content}}` });
    const one = await makeChannel({ key: "sk-bark" });
    const refusal = { status: 401, body: { error: { message: "no", type: "t", code: "c" } } };
    upstream.refuse("sk-bark", refusal);
    await runAll();
    const bark = await eventually(() => hooks.got.find((request) => decodeURIComponent(request.path).includes(`#${one.id}）已被禁用`)), "Bark");
    assert.equal(bark.method, "GET");
    assert.equal(bark.headers["user-agent"], "OneAPI-Bark-Notify/1.0");
    assert.equal(
      decodeURIComponent(bark.path.replaceAll("+", " ")),
      `/bark/通道「${one.name}」（#${one.id}）已被禁用/通道「${one.name}」（#${one.id}）已被禁用，原因：status_code=401, no`,
    );
    await remove(one.id);

    await setting({ notify_type: "gotify", gotify_url: `${hooks.url}/`, gotify_token: "a+b", gotify_priority: 42 });
    const two = await makeChannel({ key: "sk-gotify" });
    upstream.refuse("sk-gotify", refusal);
    await runAll();
    const gotify = await eventually(
      () => hooks.got.find((request) => request.path.startsWith("/message") && request.body.includes(`#${two.id}`)),
      "Gotify",
    );
    assert.equal(gotify.path, "/message?token=a%2Bb");
    assert.equal(gotify.headers["user-agent"], "NewAPI-Gotify-Notify/1.0");
    const { title, priority } = JSON.parse(gotify.body);
    assert.equal(title, `通道「${two.name}」（#${two.id}）已被禁用`);
    assert.equal(priority, 5);
    await remove(two.id);
  });

  it("X4 addresses of this machine are neither stored nor called while the protection is on", async () => {
    await admin.option("fetch_setting.enable_ssrf_protection", "true");
    for (const fields of [
      { notify_type: "webhook", webhook_url: `${hooks.url}/x` },
      { notify_type: "webhook", webhook_url: "https://metadata.google.internal/" },
      { notify_type: "bark", bark_url: "http://127.0.0.1/" },
      { notify_type: "gotify", gotify_url: "http://[::1]/", gotify_token: "t" },
    ])
      await assert.rejects(setting(fields), /request reject: address not allowed/);
    const { id } = await makeChannel({ key: "sk-unheard" });
    upstream.refuse("sk-unheard", { status: 401, body: { error: { message: "no", type: "t", code: "c" } } });
    await runAll();
    await untilStatus(id, 3);
    await eventually(() => all.gateway.output().includes(`notification channel_update_${id}_3 to user 1 is not sent`), "the log line");
    assert.deepEqual(hooks.got, []);
    await admin.option("fetch_setting.enable_ssrf_protection", "false");
    await remove(id);
  });

  it("O2 answers with an error are counted by their reason, also those before a channel is chosen", async () => {
    const { key } = await admin.token();
    const ask = (as, body) =>
      fetch(`${all.gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${as}` },
        body,
      });
    const before = (await all.gateway.health()).errors;
    const unknown = "sk-nobody-has-this-key";
    for (let i = 0; i < 5; ++i) assert.equal((await ask(unknown, "{}")).status, 401);
    assert.equal((await ask(key, "{")).status, 400);
    assert.equal((await ask(key, '{"model":"nobody-serves-this","messages":[{"role":"user","content":"x"}]}')).status, 503);
    const { errors } = await all.gateway.health();
    const grown = Object.fromEntries(
      Object.entries(errors).map(([reason, count]) => [reason, count - before[reason]]).filter(([, more]) => more > 0),
    );
    assert.deepEqual(grown, { key: 5, request: 1, no_channel: 1 });
    assert.match(all.gateway.output(), /request \S+ is answered 401: key \(\d+ for this reason since the last such line\)/);
  });

  it("settings are checked, and leave what is not theirs alone", async () => {
    await admin.call("PUT", "/api/user/self", { language: "en" });
    await admin.call("PUT", "/api/user/self", { sidebar_modules: '{"chat":{}}' });
    const refused = [
      [{ notify_type: "pigeon" }, /Invalid warning type/],
      [{ quota_warning_threshold: 0 }, /Warning threshold must be greater than 0/],
      [{ notify_type: "webhook" }, /Webhook URL cannot be empty/],
      [{ notify_type: "webhook", webhook_url: "no url" }, /Invalid Webhook URL/],
      [{ notification_email: "nobody" }, /Invalid email address/],
      [{ notify_type: "bark" }, /Bark push URL cannot be empty/],
      [{ notify_type: "bark", bark_url: "ftp://x" }, /URL must start with http/],
      [{ notify_type: "gotify" }, /Gotify server URL cannot be empty/],
      [{ notify_type: "gotify", gotify_url: "https://g" }, /Gotify token cannot be empty/],
    ];
    for (const [fields, message] of refused) await assert.rejects(setting(fields), message);
    await setting({ notification_email: "a@b.c", webhook_url: "https://left.out/", record_ip_log: true });
    const stored = JSON.parse((await admin.call("GET", "/api/user/self")).setting);
    assert.equal(stored.language, "en");
    assert.equal(stored.sidebar_modules, '{"chat":{}}');
    delete stored.language;
    delete stored.sidebar_modules;
    assert.deepEqual(stored, {
      notify_type: "email",
      quota_warning_threshold: 1,
      record_ip_log: true,
      notification_email: "a@b.c",
      gotify_priority: 0,
    });
  });
});
