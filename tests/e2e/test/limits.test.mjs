// Limits of requests by user and by address, and of what the machine carries: each refusal names itself and says when
// it ends.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Account, startAll, startGateway } from "../lib/gateway.mjs";
import { post } from "../lib/raw.mjs";

const model = "gpt-4o-mini";
const messages = [{ role: "user", content: "hello" }];

describe("limits of a user", { timeout: 120_000 }, () => {
  let all, key;
  before(async () => {
    all = await startAll({ models: model });
    ({ key } = await all.admin.token());
  });
  after(() => all?.stop());

  const chat = (say = "hello", path = "/v1/chat/completions") =>
    post(all.gateway.url + path, key, { model, messages: [{ role: "user", content: say }] });
  const failing = "[[mock status=400]]";
  const limits = async (fields) => {
    for (const [name, value] of Object.entries(fields)) await all.admin.option(`ModelRequestRateLimit${name}`, value);
  };
  /** A user of its own, so that no test sees another's counts. */
  let users = 0;
  const fresh = async (group = "default") => {
    const username = `limited${++users}`;
    await all.admin.call("POST", "/api/user/", { username, password: "cnry password 1", role: 1 });
    const user = await Account.login(all.gateway.url, username, "cnry password 1");
    await all.admin.call("PUT", "/api/user/", { id: user.id, username, group, quota: 1_000_000_000 });
    ({ key } = await user.token());
  };

  it("off, no answer speaks of a limit", async () => {
    const answer = await chat();
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["x-ratelimit-limit-requests"], undefined);
  });

  it("L4 the total limit counts failures too, moves its headers, and refuses with the moment at which it frees", async () => {
    await fresh();
    await limits({ Count: "3", SuccessCount: "1000", DurationMinutes: "2", Enabled: "true" });
    const answers = [];
    for (const say of ["one", failing, "three"]) answers.push(await chat(say));
    assert.deepEqual(answers.map(({ status }) => status), [200, 400, 200]);
    assert.deepEqual(answers.map(({ headers }) => headers["x-ratelimit-remaining-requests"]), ["2", "1", "0"]);
    const refused = await chat();
    assert.equal(refused.status, 429);
    const seconds = Number(refused.headers["retry-after"]);
    assert.ok(seconds > 60 && seconds <= 120, refused.headers["retry-after"]);
    assert.equal(refused.headers["x-ratelimit-limit-requests"], "3");
    assert.equal(refused.headers["x-ratelimit-remaining-requests"], "0");
    assert.equal(refused.headers["x-ratelimit-reset-requests"], `${seconds}s`);
    const { error } = JSON.parse(refused.body);
    assert.equal(
      error.message,
      `您已达到总请求数限制：2分钟内最多请求3次，包括失败次数，请检查您的请求是否正确 (request id: ${refused.headers["x-oneapi-request-id"]})`,
    );
    assert.equal(error.type, "new_api_error");
    assert.equal(error.code, "");
    assert.ok(!("param" in error));
  });

  it("L4 the success limit counts answers that went well and no others", async () => {
    await fresh();
    await limits({ Count: "0", SuccessCount: "2", DurationMinutes: "1" });
    for (const [say, status] of [[failing, 400], ["one", 200], [failing, 400], ["two", 200]])
      assert.equal((await chat(say)).status, status);
    const refused = await chat();
    assert.equal(refused.status, 429);
    assert.match(JSON.parse(refused.body).error.message, /^您已达到请求数限制：1分钟内最多请求2次 /);
    assert.ok(Number(refused.headers["retry-after"]) <= 60);
  });

  it("a limit of 0 is none", async () => {
    await fresh();
    await limits({ Count: "0", SuccessCount: "0" });
    for (let i = 0; i < 5; ++i) assert.equal((await chat()).status, 200);
  });

  it("L5 the table of groups is stored, returned, and goes before the general pair", async () => {
    const table = JSON.stringify({ vip: [0, 1] });
    await limits({ Count: "1", SuccessCount: "1000", Group: table });
    const stored = await all.admin.call("GET", "/api/option/");
    assert.equal(stored.find(({ key: name }) => name === "ModelRequestRateLimitGroup").value, table);
    await fresh("vip");
    await all.admin.channel({ base_url: all.mock.url, models: model, group: "vip" });
    assert.equal((await chat()).status, 200);
    assert.match(JSON.parse((await chat()).body).error.message, /1分钟内最多请求1次 /);
    await fresh();
    assert.equal((await chat()).status, 200);
    assert.match(JSON.parse((await chat()).body).error.message, /包括失败次数/);
  });

  it("lists of models are not counted", async () => {
    await fresh();
    for (let i = 0; i < 3; ++i) {
      const answer = await fetch(`${all.gateway.url}/v1/models`, { headers: { Authorization: `Bearer ${key}` } });
      assert.equal(answer.status, 200);
    }
    assert.equal((await chat()).status, 200);
    await limits({ Enabled: "false" });
  });

  it("a machine above a threshold refuses work, in the shape of the route, and not what costs nothing", async () => {
    await all.admin.option("performance_setting.monitor_cpu_threshold", "0");
    await all.admin.option("performance_setting.monitor_memory_threshold", "1");
    await all.admin.option("performance_setting.monitor_enabled", "true");
    const { overloaded } = (await all.gateway.health()).errors;
    const refused = await chat();
    assert.equal((await all.gateway.health()).errors.overloaded, overloaded + 1);
    assert.match(all.gateway.output(), /the machine's memory is above the option performance_setting\.monitor_memory/);
    assert.equal(refused.status, 503);
    assert.deepEqual(JSON.parse(refused.body), {
      error: { message: "system memory overloaded", type: "new_api_error", param: "", code: "system_memory_overloaded" },
    });
    assert.equal(refused.headers["retry-after"], "5");
    const list = await fetch(`${all.gateway.url}/v1/models`, { headers: { Authorization: `Bearer ${key}` } });
    assert.equal(list.status, 200);
    // Before the key is looked at.
    assert.equal((await post(`${all.gateway.url}/pg/chat/completions`, "none", { model, messages })).status, 503);
    await all.admin.option("performance_setting.monitor_memory_threshold", "100");
    assert.equal((await chat()).status, 200);
    await all.admin.option("performance_setting.monitor_enabled", "false");
  });
});

describe("limits of an address", { timeout: 60_000 }, () => {
  let gateway, admin;
  before(async () => {
    gateway = await startGateway({
      env: {
        GLOBAL_API_RATE_LIMIT_ENABLE: "true",
        GLOBAL_API_RATE_LIMIT: "40",
        GLOBAL_API_RATE_LIMIT_DURATION: "100",
        GLOBAL_WEB_RATE_LIMIT_ENABLE: "true",
        GLOBAL_WEB_RATE_LIMIT: "3",
        GLOBAL_WEB_RATE_LIMIT_DURATION: "90",
        CRITICAL_RATE_LIMIT_ENABLE: "true",
        CRITICAL_RATE_LIMIT: "4",
        CRITICAL_RATE_LIMIT_DURATION: "80",
      },
    });
    admin = await Account.setup(gateway.url);
  });
  after(() => gateway?.stop());

  /** As another client, behind a proxy that is trusted. */
  const as = (address, path, init = {}) =>
    fetch(gateway.url + path, { ...init, headers: { "X-Forwarded-For": address, ...init.headers } });
  const refusedBy = async (mark, count, seconds, answer) => {
    assert.equal(answer.status, 429);
    const wait = Number(answer.headers.get("retry-after"));
    assert.ok(wait > seconds - 30 && wait <= seconds, `${wait}`);
    assert.equal(answer.headers.get("x-ratelimit-limit"), String(count));
    assert.equal(answer.headers.get("x-ratelimit-remaining"), "0");
    assert.equal(answer.headers.get("x-ratelimit-reset"), String(wait));
    assert.match(answer.headers.get("content-type"), /^application\/json/);
    const body = await answer.json();
    const text = body.message ?? body.error.message;
    assert.equal(text, `rate limit ${mark} reached: at most ${count} requests in ${seconds} seconds, retry in ${wait} s`);
  };

  it("L4 GW: pages and unknown paths together; another address and the health endpoints are free", async () => {
    for (const path of ["/", "/v1/nothing", "/login"]) assert.notEqual((await as("203.0.113.1", path)).status, 429);
    await refusedBy("GW", 3, 90, await as("203.0.113.1", "/"));
    await refusedBy("GW", 3, 90, await as("203.0.113.1", "/v1/nothing"));
    assert.equal((await as("203.0.113.1", "/livez")).status, 200);
    assert.equal((await as("203.0.113.2", "/")).status, 200);
    assert.equal((await as("203.0.113.1", "/api/status")).status, 200);
  });

  it("L4 GA: the management API and the billing routes share one count", async () => {
    for (let i = 0; i < 20; ++i) assert.equal((await as("203.0.113.3", "/api/notice")).status, 200);
    for (let i = 0; i < 20; ++i)
      assert.equal((await as("203.0.113.3", "/v1/dashboard/billing/usage")).status, 401);
    await refusedBy("GA", 40, 100, await as("203.0.113.3", "/dashboard/billing/subscription"));
    await refusedBy("GA", 40, 100, await as("203.0.113.3", "/api/notice"));
    // The relay has no limit by address.
    assert.equal((await as("203.0.113.3", "/v1/models")).status, 401);
  });

  it("L4 CT: log-in and the routes for holders of a key", async () => {
    const login = { method: "POST", body: "{}" };
    for (let i = 0; i < 2; ++i) assert.equal((await as("203.0.113.4", "/api/user/login", login)).status, 200);
    assert.equal((await as("203.0.113.4", "/api/usage/token/")).status, 401);
    assert.equal((await as("203.0.113.4", "/api/log/token")).status, 401);
    await refusedBy("CT", 4, 80, await as("203.0.113.4", "/api/user/login", login));
  });

  it("L4 SR: searching, by user, wherever from", async () => {
    const headers = { Cookie: admin.cookie, "New-Api-User": String(admin.id) };
    for (let i = 0; i < 10; ++i)
      assert.equal((await as(`203.0.113.${10 + i}`, "/api/token/search?keyword=x", { headers })).status, 200);
    const refused = await as("203.0.113.30", "/api/token/search?keyword=x", { headers });
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get("x-ratelimit-limit"), "10");
  });
});
