// The playground: a chat of a logged-in user, paid from the wallet, without a key.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Account, startAll } from "../lib/gateway.mjs";
import { quota, ratios } from "../lib/price.mjs";

const model = "gpt-4o-mini";

describe("playground", { timeout: 120_000 }, () => {
  let all, user;
  before(async () => {
    all = await startAll({ models: model });
    const { admin, gateway, mock } = all;
    await admin.channel({ base_url: mock.url, models: model, group: "vip" });
    await admin.channel({ base_url: mock.url, models: model, group: "hidden" });
    await admin.call("POST", "/api/user/", { username: "player", password: "cnry password 1", role: 1 });
    user = await Account.login(gateway.url, "player", "cnry password 1");
    await admin.call("PUT", "/api/user/", { id: user.id, username: "player", group: "default", quota: 10_000_000 });
  });
  after(() => all?.stop());

  const session = () => ({ Cookie: user.cookie, "New-Api-User": String(user.id) });
  const play = (body, headers = session(), path = "/pg/chat/completions") =>
    fetch(all.gateway.url + path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "[[mock usage=100:50]]" }], ...body }),
    });
  const id = (answer) => answer.headers.get("x-oneapi-request-id");
  const error = async (answer) => (await answer.json()).error;

  it("B9 charges the wallet exactly and no key, and says so in its row", async () => {
    const before = await user.balance();
    const answer = await play();
    assert.equal(answer.status, 200);
    assert.equal((await answer.json()).usage.total_tokens, 150);
    const price = quota({ prompt: 100, completion: 50 }, ratios[model]);
    const row = await all.admin.row(id(answer));
    assert.equal(row.quota, price);
    assert.equal(row.token_name, "playground-default");
    assert.equal(row.token_id, 0);
    assert.equal(row.username, "player");
    assert.equal(row.group, "default");
    assert.equal(JSON.parse(row.other).request_path, "/pg/chat/completions");
    assert.equal(before - (await user.balance()), price);
  });

  it("streams", async () => {
    const answer = await play({ stream: true });
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get("content-type"), /^text\/event-stream/);
    assert.match(await answer.text(), /data: \[DONE\]\n\n$/);
    const row = await all.admin.row(id(answer));
    assert.equal(row.is_stream, true);
    assert.equal(row.quota, quota({ prompt: 100, completion: 50 }, ratios[model]));
  });

  it("takes the group of the body where it is usable, and keeps it from the upstream", async () => {
    await all.mock.clear();
    const answer = await play({ group: "vip", temperature: 0.5 });
    assert.equal(answer.status, 200);
    const row = await all.admin.row(id(answer));
    assert.equal(row.token_name, "playground-vip");
    assert.equal(row.group, "vip");
    const [sent] = await all.mock.requests();
    assert.equal(sent.path, "/v1/chat/completions");
    const body = typeof sent.body === "string" ? JSON.parse(sent.body) : sent.body;
    assert.equal(body.temperature, 0.5);
    assert.ok(!("group" in body), JSON.stringify(body));
    // The user's own group may be named too, and an empty one is none.
    for (const group of ["default", ""]) assert.equal((await play({ group })).status, 200);
  });

  it("refuses a group that the user may not use, and one that is no text", async () => {
    const hidden = await play({ group: "hidden" });
    assert.equal(hidden.status, 403);
    assert.match((await error(hidden)).message, /^无权访问该分组 \(request id: /);
    const number = await play({ group: 7 });
    assert.equal(number.status, 400);
    assert.match((await error(number)).message, /^无效的playground请求, /);
  });

  it("is not counted by the request limit of models", async () => {
    await all.admin.option("ModelRequestRateLimitCount", "1");
    await all.admin.option("ModelRequestRateLimitSuccessCount", "1");
    await all.admin.option("ModelRequestRateLimitEnabled", "true");
    for (let i = 0; i < 3; ++i) assert.equal((await play()).status, 200);
    await all.admin.option("ModelRequestRateLimitEnabled", "false");
  });

  it("errors behind the session have the shape of OpenAI", async () => {
    const unknown = await play({ model: "no-such-model" });
    assert.equal(unknown.status, 503);
    assert.equal((await error(unknown)).code, "model_not_found");
    const broken = await fetch(`${all.gateway.url}/pg/chat/completions`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...session() },
      body: "{",
    });
    assert.equal(broken.status, 400);
    assert.equal((await error(broken)).type, "new_api_error");
  });

  it("refuses who is not logged in, in the words of the management API", async () => {
    const refused = async (headers) => {
      const answer = await play({}, headers);
      return [answer.status, (await answer.json()).message];
    };
    assert.deepEqual(await refused({}), [401, "无权进行此操作，未登录且未提供 access token"]);
    assert.deepEqual(await refused({ Cookie: user.cookie }), [401, "无权进行此操作，未提供 New-Api-User"]);
    assert.deepEqual(await refused({ ...session(), "New-Api-User": "x" }), [401, "无权进行此操作，New-Api-User 格式错误"]);
    assert.deepEqual(await refused({ ...session(), "New-Api-User": "1" }), [
      401,
      "无权进行此操作，New-Api-User 与登录用户不匹配",
    ]);
    assert.deepEqual(await refused({ Authorization: "Bearer nonsense" }), [200, "无权进行此操作，access token 无效"]);
    const { key } = await user.token();
    assert.deepEqual(await refused({ Authorization: `Bearer ${key}` }), [200, "无权进行此操作，access token 无效"]);
  });

  it("T-31 answers no page of another site and lets none read the answer", async () => {
    const foreign = { Origin: "https://evil.example", "Sec-Fetch-Site": "cross-site", ...session() };
    const answer = await play({}, foreign);
    assert.equal(answer.status, 403);
    assert.equal(answer.headers.get("access-control-allow-origin"), null);
    const asked = await fetch(`${all.gateway.url}/pg/chat/completions`, {
      method: "OPTIONS",
      headers: { Origin: "https://evil.example", "Access-Control-Request-Method": "POST" },
    });
    assert.equal(asked.status, 404);
    assert.equal(asked.headers.get("access-control-allow-origin"), null);
  });

  it("takes no access token", async () => {
    const token = await user.call("GET", "/api/user/token");
    const answer = await play({}, { Authorization: `Bearer ${token}`, "New-Api-User": String(user.id) });
    assert.equal(answer.status, 500);
    const { message, type, param, code } = await error(answer);
    assert.match(message, /^暂不支持使用 access token/);
    assert.deepEqual({ type, param, code }, { type: "new_api_error", param: "", code: "access_denied" });
  });

  it("refuses an empty wallet", async () => {
    await all.admin.call("POST", "/api/user/", { username: "poor", password: "cnry password 1", role: 1 });
    const poor = await Account.login(all.gateway.url, "poor", "cnry password 1");
    const answer = await play({}, { Cookie: poor.cookie, "New-Api-User": String(poor.id) });
    assert.equal(answer.status, 403);
    assert.equal((await error(answer)).code, "insufficient_user_quota");
  });
});
