// What a key may use and has used: lists of models in three shapes, billing figures, routes that are not implemented.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import OpenAI from "openai";
import { Account, eventually, startAll } from "../lib/gateway.mjs";

const priced = "gpt-4o-mini";
const slashed = "org/model+1";

describe("routes that need only a key", { timeout: 120_000 }, () => {
  let all, key, base;
  before(async () => {
    all = await startAll({ models: `${priced},${slashed},dall-e-3,o3-pro` });
    const { admin, mock } = all;
    base = all.gateway.url;
    await admin.channel({ base_url: mock.url, models: `${priced},vip-model`, group: "vip", type: 20 });
    await admin.channel({ base_url: mock.url, models: "svip-model", group: "svip" });
    ({ key } = await admin.token());
  });
  after(() => all?.stop());

  const get = (path, headers = { Authorization: `Bearer ${key}` }) => fetch(base + path, { headers });
  const json = async (path, headers) => (await get(path, headers)).json();
  const ids = async (headers) => (await json("/v1/models", headers)).data.map(({ id }) => id).sort();
  const everything = [priced, slashed, "dall-e-3", "o3-pro"].sort();

  it("OpenAI's list", async () => {
    const list = await json("/v1/models");
    assert.equal(list.success, true);
    assert.equal(list.object, "list");
    const of = (id) => list.data.find((item) => item.id === id);
    assert.deepEqual(list.data.map(({ id }) => id).sort(), everything);
    const { owned_by, ...item } = of(priced);
    assert.equal(typeof owned_by, "string");
    assert.deepEqual(item, { id: priced, object: "model", created: 1626777600, supported_endpoint_types: ["openai"] });
    assert.deepEqual(of("dall-e-3").supported_endpoint_types, ["image-generation", "openai"]);
    assert.deepEqual(of("o3-pro").supported_endpoint_types, ["openai-response"]);
    assert.deepEqual(await json("/v1beta/openai/models"), list);
    const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: key });
    const names = [];
    for await (const entry of client.models.list()) names.push(entry.id);
    assert.deepEqual(names.sort(), everything);
    assert.equal((await client.models.retrieve(slashed)).id, slashed);
  });

  it("Anthropic's list, by its two headers, with the key in x-api-key", async () => {
    const headers = { "x-api-key": key, "anthropic-version": "2023-06-01" };
    const list = await json("/v1/models", headers);
    assert.deepEqual(list.data.map(({ id }) => id).sort(), everything);
    assert.deepEqual(list.data.find(({ id }) => id === priced), {
      id: priced,
      created_at: "2021-07-20T10:40:00Z",
      display_name: priced,
      type: "model",
    });
    assert.equal(list.has_more, false);
    assert.equal(list.first_id, list.data[0].id);
    assert.equal(list.last_id, list.data.at(-1).id);
    assert.equal((await json(`/v1/models/${priced}`, headers)).type, "model");
  });

  it("Anthropic's list of nothing has null ends", async () => {
    const { key: none } = await all.admin.token({ model_limits_enabled: true, model_limits: "" });
    assert.deepEqual(await json("/v1/models", { "x-api-key": none, "anthropic-version": "2023-06-01" }), {
      data: [],
      first_id: null,
      has_more: false,
      last_id: null,
    });
  });

  it("Gemini's list, by path or by a key that only its clients send", async () => {
    const list = await json("/v1beta/models", { "x-goog-api-key": key });
    assert.deepEqual(list.models.map(({ name }) => name).sort(), everything);
    assert.equal(list.nextPageToken, null);
    const item = list.models.find(({ name }) => name === priced);
    assert.equal(item.displayName, priced);
    for (const member of ["baseModelId", "version", "description", "inputTokenLimit", "outputTokenLimit",
      "supportedGenerationMethods", "thinking", "temperature", "maxTemperature", "topP", "topK"])
      assert.equal(item[member], null, member);
    assert.deepEqual(await json(`/v1beta/models?key=${key}`, {}), list);
    // On /v1/models such a key is a sign and no credential.
    assert.equal((await get("/v1/models", { "x-goog-api-key": key })).status, 401);
    assert.deepEqual(await json("/v1/models", { "x-goog-api-key": "any", Authorization: `Bearer ${key}` }), list);
  });

  it("a key with limits lists these, whatever has channels", async () => {
    const { key: limited } = await all.admin.token({ model_limits_enabled: true, model_limits: `${priced},elsewhere` });
    assert.deepEqual(await ids({ Authorization: `Bearer ${limited}` }), ["elsewhere", priced].sort());
  });

  it("the group of the key decides; auto is the union of the auto groups that its user may use", async () => {
    const { key: vip } = await all.admin.token({ group: "vip" });
    const list = await json("/v1/models", { Authorization: `Bearer ${vip}` });
    assert.deepEqual(list.data.map(({ id }) => id), [priced, "vip-model"]);
    await all.admin.option("AutoGroups", JSON.stringify(["vip", "svip", "default"]));
    await all.admin.option("UserUsableGroups", JSON.stringify({ default: "d", vip: "v", auto: "a" }));
    const { key: auto } = await all.admin.token({ group: "auto" });
    assert.deepEqual(await ids({ Authorization: `Bearer ${auto}` }), [...everything, "vip-model"].sort());
  });

  it("a model without a price is left out, unless its user takes such", async () => {
    await all.admin.option("SelfUseModeEnabled", "false");
    assert.ok(!(await ids()).includes(slashed));
    assert.ok((await ids()).includes(priced));
    await all.admin.option("SelfUseModeEnabled", "true");
    assert.ok((await ids()).includes(slashed));
  });

  it("one model: its name may hold slashes and percent signs; an unknown one is said in a 200", async () => {
    for (const path of [encodeURIComponent(slashed), "org/model%2B1", "org/model+1"]) {
      const item = await json(`/v1/models/${path}`);
      assert.equal(item.id, slashed, path);
      assert.equal(item.supported_endpoint_types, null);
    }
    const unknown = await get("/v1/models/nothing%20here");
    assert.equal(unknown.status, 200);
    assert.deepEqual(await unknown.json(), {
      error: {
        message: "The model 'nothing here' does not exist",
        type: "invalid_request_error",
        param: "model",
        code: "model_not_found",
      },
    });
  });

  it("a list needs a good key", async () => {
    assert.equal((await get("/v1/models", {})).status, 401);
    assert.equal((await get("/v1beta/models", { "x-goog-api-key": "sk-none" })).status, 401);
  });

  it("billing figures: of the key, converted by the display type", async () => {
    const { key: limited } = await all.admin.token({
      unlimited_quota: false,
      remain_quota: 1_000_000,
      expired_time: 4_000_000_000,
    });
    const headers = { Authorization: `Bearer ${limited}` };
    for (const prefix of ["", "/v1"]) {
      assert.deepEqual(await json(`${prefix}/dashboard/billing/subscription`, headers), {
        object: "billing_subscription",
        has_payment_method: true,
        soft_limit_usd: 2,
        hard_limit_usd: 2,
        system_hard_limit_usd: 2,
        access_until: 4_000_000_000,
      });
      assert.deepEqual(await json(`${prefix}/dashboard/billing/usage`, headers), { object: "list", total_usage: 0 });
    }
    const unlimited = await json("/v1/dashboard/billing/subscription");
    assert.equal(unlimited.hard_limit_usd, 100_000_000);
    assert.equal(unlimited.access_until, 0);
    assert.equal((await get("/dashboard/billing/usage", {})).status, 401);
  });

  it("billing figures follow what was used, and are the owner's when the option says so", async () => {
    const { key: limited } = await all.admin.token({ unlimited_quota: false, remain_quota: 1_000_000 });
    const headers = { Authorization: `Bearer ${limited}` };
    const answer = await fetch(`${base}/v1/chat/completions`, {
      method: "POST",
      headers: { ...headers, "Content-Type": "application/json" },
      body: JSON.stringify({ model: priced, messages: [{ role: "user", content: "[[mock usage=10000:50000]]" }] }),
    });
    assert.equal(answer.status, 200);
    const { quota } = await all.admin.row(answer.headers.get("x-oneapi-request-id"));
    assert.ok(quota > 0);
    // Sums are written behind the answer.
    await eventually(
      async () => (await json("/dashboard/billing/usage", headers)).total_usage === (quota / 500_000) * 100,
      "the usage of the key",
    );
    assert.equal((await json("/dashboard/billing/subscription", headers)).hard_limit_usd, 2);
    await all.admin.option("DisplayTokenStatEnabled", "false");
    const owner = await eventually(async () => {
      const self = await all.admin.call("GET", "/api/user/self");
      const figures = await json("/dashboard/billing/subscription", headers);
      return self.used_quota >= quota && figures.hard_limit_usd === (self.quota + self.used_quota) / 500_000 && figures;
    }, "the figures of the owner");
    assert.equal(owner.access_until, 0);
    await all.admin.option("DisplayTokenStatEnabled", "true");
  });

  it("GET /api/usage/token and /api/log/token answer any spelling of a key that exists", async () => {
    const { key: mine } = await all.admin.token({ name: "seen", expired_time: 1_000 });
    const bare = mine.replace(/^sk-/, "");
    for (const text of [`Bearer ${mine}`, `bearer ${bare}`]) {
      const answer = await json("/api/usage/token/", { Authorization: text });
      assert.equal(answer.code, true);
      assert.equal(answer.data.object, "token_usage");
      assert.equal(answer.data.name, "seen");
    }
    assert.deepEqual(await json("/api/log/token", { Authorization: bare }), { success: true, message: "", data: [] });
    const none = await get("/api/usage/token/", {});
    assert.equal(none.status, 401);
    assert.deepEqual(await none.json(), { success: false, message: "未提供 Authorization 请求头" });
    assert.equal((await get("/api/log/token", { Authorization: "Bearer sk-none" })).status, 401);
    assert.equal((await json("/api/usage/token/", { Authorization: bare })).message, "Invalid Bearer token");
  });

  it("routes that are not implemented answer 501 behind the key", async () => {
    const routes = ["POST /v1/edits", "POST /v1/images/variations", "GET /v1/files", "POST /v1/files", "GET /v1/files/f-1",
      "DELETE /v1/files/f-1", "GET /v1/files/f-1/content", "GET /v1/fine-tunes", "POST /v1/fine-tunes",
      "GET /v1/fine-tunes/1", "POST /v1/fine-tunes/1/cancel", "GET /v1/fine-tunes/1/events", `DELETE /v1/models/${priced}`];
    for (const route of routes) {
      const [method, path] = route.split(" ");
      const body = method === "POST" ? "{}" : undefined;
      const answer = await fetch(base + path, { method, body, headers: { Authorization: `Bearer ${key}` } });
      assert.equal(answer.status, 501, route);
      assert.deepEqual(await answer.json(), {
        error: { message: "API not implemented", type: "new_api_error", param: "", code: "api_not_implemented" },
      });
      assert.equal((await fetch(base + path, { method, body })).status, 401, route);
    }
  });
});

describe("paths and pages", { timeout: 60_000 }, () => {
  let all, key, base;
  before(async () => {
    all = await startAll({ models: priced });
    base = all.gateway.url;
    ({ key } = await all.admin.token());
  });
  after(() => all?.stop());

  const ask = (method, path, headers = {}, body = undefined) =>
    fetch(base + path, { method, headers, body, redirect: "manual" });

  it("what is not there is a 404 with method and path, also a wrong method, or the page", async () => {
    for (const [method, path] of [["GET", "/v1/nothing"], ["POST", "/v1/nothing"], ["GET", "/v1/chat/completions"],
      ["POST", "/kling/v1/videos/text2video"], ["POST", "/jimeng/"], ["PUT", "/v1/models"], ["GET", "/api/nothing"], ["PATCH", "/api/status"], ["GET", "/assets/x.js"]]) {
      const answer = await ask(method, path);
      assert.equal(answer.status, 404, path);
      assert.deepEqual(await answer.json(), {
        error: { message: `Invalid URL (${method} ${path})`, type: "invalid_request_error", param: "", code: "" },
      });
    }
    const page = await ask("GET", "/console/anything");
    assert.equal(page.status, 200);
    assert.match(page.headers.get("content-type"), /^text\/html/);
  });

  it("a slash at the end leads to the route, with its query; POST is repeated by 307", async () => {
    const list = await ask("GET", "/v1/models/?a=1&b=2");
    assert.equal(list.status, 301);
    assert.equal(list.headers.get("location"), "/v1/models?a=1&b=2");
    const chat = await ask("POST", "/v1/chat/completions/", {}, "{}");
    assert.equal(chat.status, 307);
    assert.equal(chat.headers.get("location"), "/v1/chat/completions");
    const followed = await fetch(`${base}/v1/chat/completions/`, {
      method: "POST",
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      body: JSON.stringify({ model: priced, messages: [{ role: "user", content: "hello" }] }),
    });
    assert.equal(followed.status, 200);
    assert.equal((await ask("GET", "/v1/nothing/")).status, 404);
  });

  it("every answer carries the request's id and the version, once", async () => {
    for (const [method, path] of [["GET", "/v1/models"], ["GET", "/v1/nothing"], ["GET", "/api/status"], ["GET", "/"],
      ["POST", "/pg/chat/completions"], ["GET", "/api/nothing"], ["POST", "/v1/chat/completions"]]) {
      const answer = await ask(method, path);
      assert.match(answer.headers.get("x-oneapi-request-id") ?? "", /^\d{14}\d{1,9}[0-9A-Za-z]{8}$/, path);
      assert.match(answer.headers.get("x-new-api-version") ?? "", /^v[^,]*$/, path);
    }
  });

  it("pages of other sites may call the relay with a key, and are never sent with credentials", async () => {
    const origin = { Origin: "https://app.example" };
    for (const [method, path] of [["GET", "/v1/models"], ["POST", "/v1/chat/completions"], ["GET", "/v1/nothing"],
      ["GET", "/dashboard/billing/usage"], ["GET", "/api/usage/token/"], ["GET", "/api/log/token"]]) {
      const answer = await ask(method, path, origin);
      assert.equal(answer.headers.get("access-control-allow-origin"), "*", path);
      assert.equal(answer.headers.get("access-control-allow-credentials"), null);
      assert.equal(answer.headers.get("vary"), null);
      const asked = await ask("OPTIONS", path, { ...origin, "Access-Control-Request-Method": method });
      assert.equal(asked.status, 204, path);
      assert.equal(asked.headers.get("access-control-allow-origin"), "*");
      assert.equal(asked.headers.get("access-control-allow-methods"), "GET,POST,PUT,DELETE,OPTIONS");
      assert.equal(asked.headers.get("access-control-allow-headers"), "*");
      assert.equal(asked.headers.get("access-control-max-age"), "43200");
      assert.equal(asked.headers.get("access-control-allow-credentials"), null);
    }
  });

  it("the node's own pages and programs get no such headers, and the management API never does", async () => {
    const own = [{}, { Origin: base }, { Origin: base.replace("http:", "https:") }];
    for (const headers of own)
      assert.equal((await ask("GET", "/v1/models", headers)).headers.get("access-control-allow-origin"), null);
    for (const path of ["/api/status", "/api/user/self", "/api/usage/tokens", "/api/log/token/x"]) {
      const answer = await ask("GET", path, { Origin: "https://app.example" });
      assert.equal(answer.headers.get("access-control-allow-origin"), null, path);
      assert.equal((await ask("OPTIONS", path, { Origin: "https://app.example" })).status, 404, path);
    }
  });

  it("a user who is disabled sees nothing of a key", async () => {
    await all.admin.call("POST", "/api/user/", { username: "gone", password: "cnry password 1", role: 1 });
    const gone = await Account.login(base, "gone", "cnry password 1");
    const { key: old } = await gone.token();
    await all.admin.call("POST", "/api/user/manage", { id: gone.id, action: "disable" });
    const headers = { Authorization: `Bearer ${old}` };
    for (const path of ["/api/usage/token/", "/api/log/token", "/v1/models", "/dashboard/billing/usage"])
      assert.equal((await ask("GET", path, headers)).status, 403, path);
  });
});
