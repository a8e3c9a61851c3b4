// What the official OpenAI SDK throws when things fail: the classes its users catch. Nothing that failed is charged.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import OpenAI from "openai";
import { Account, eventually, startAll } from "../lib/gateway.mjs";
import { freePort } from "../lib/process.mjs";
import { quota, ratios } from "../lib/price.mjs";

const model = "gpt-4o-mini";
const say = (text) => [{ role: "user", content: text }];

describe("OpenAI SDK errors", { timeout: 120_000 }, () => {
  let all, client, balance;
  const sdk = (key, options = {}) =>
    new OpenAI({ baseURL: `${all.gateway.url}/v1`, apiKey: key, maxRetries: 0, ...options });

  before(async () => {
    all = await startAll({ models: "gpt-4o-mini" });
    await all.admin.channel({ base_url: `http://127.0.0.1:${await freePort()}`, models: "gpt-4o", name: "down" });
    client = sdk((await all.admin.token()).key);
    await client.chat.completions.create({ model, messages: say("warm [[mock usage=1:1]]") });
    await eventually(async () => (await all.admin.consumeRows()).length === 1, "the first row");
    balance = await all.admin.balance();
  });
  after(() => all?.stop());

  /** The error the call throws; it must be of this class and status, and must not have cost anything. */
  async function failure(call, type, status) {
    const rows = (await all.admin.consumeRows()).length;
    const before = await all.admin.balance();
    let error;
    try {
      await call();
    } catch (thrown) {
      error = thrown;
    }
    assert.ok(error, "the call succeeded");
    assert.ok(error instanceof type, `${error.constructor.name}: ${error.message}`);
    assert.equal(error.status, status);
    assert.equal(await all.admin.balance(), before);
    assert.equal((await all.admin.consumeRows()).length, rows);
    return error;
  }
  const chat = (who, text = "hi", more = {}) =>
    who.chat.completions.create({ model, messages: say(text), ...more });

  it("400 without messages", async () => {
    const error = await failure(() => client.chat.completions.create({ model }), OpenAI.BadRequestError, 400);
    assert.equal(error.code, "invalid_request");
  });

  it("400 from the upstream, with its own type and code", async () => {
    const error = await failure(() => chat(client, "[[mock status=400]]"), OpenAI.BadRequestError, 400);
    assert.equal(error.type, "mock_error");
    assert.equal(error.code, "mock_400");
    assert.match(error.message, /mock error 400/);
  });

  it("401 with a wrong key", async () => {
    const error = await failure(() => chat(sdk("sk-wrong")), OpenAI.AuthenticationError, 401);
    assert.equal(error.type, "new_api_error");
  });

  it("401 of the upstream: its text, which may name a key, is not passed on", async () => {
    const error = await failure(() => chat(client, "[[mock status=401]]"), OpenAI.AuthenticationError, 401);
    assert.doesNotMatch(error.message, /mock error/);
  });

  it("403 for a model that the key may not use", async () => {
    const { key } = await all.admin.token({ model_limits_enabled: true, model_limits: "gpt-4o" });
    const error = await failure(() => chat(sdk(key)), OpenAI.PermissionDeniedError, 403);
    assert.match(error.message, new RegExp(model));
  });

  it("403 when the key's own limit is too small", async () => {
    const { key } = await all.admin.token({ unlimited_quota: false, remain_quota: 1 });
    const error = await failure(() => chat(sdk(key)), OpenAI.PermissionDeniedError, 403);
    assert.equal(error.code, "pre_consume_token_quota_failed");
  });

  it("403 for a user without balance", async () => {
    await all.admin.call("POST", "/api/user/", { username: "poor", password: "nothing to spend", role: 1 });
    const poor = await Account.login(all.gateway.url, "poor", "nothing to spend");
    const { key } = await poor.token();
    const error = await failure(() => chat(sdk(key)), OpenAI.PermissionDeniedError, 403);
    assert.equal(error.code, "insufficient_user_quota");
  });

  it("404 for an unknown path", async () => {
    await failure(() => client.get("/no/such/path"), OpenAI.NotFoundError, 404);
  });

  it("429 of the upstream, with its Retry-After", async () => {
    const error = await failure(
      () => chat(client, "[[mock status=429 retry_after=7]]"),
      OpenAI.RateLimitError,
      429,
    );
    assert.equal(error.headers.get("retry-after"), "7");
    assert.equal(error.code, "mock_429");
  });

  it("500 when the upstream cannot be reached", async () => {
    const error = await failure(() => chat(client, "hi", { model: "gpt-4o" }), OpenAI.InternalServerError, 500);
    assert.equal(error.code, "do_request_failed");
  });

  it("503 of an upstream that answers HTML", async () => {
    const error = await failure(() => chat(client, "[[mock status=503 body=html]]"), OpenAI.InternalServerError, 503);
    assert.equal(error.code, "bad_response_status_code");
  });

  it("503 for a model that no channel serves", async () => {
    const error = await failure(() => chat(client, "hi", { model: "o3" }), OpenAI.InternalServerError, 503);
    assert.equal(error.code, "model_not_found");
  });

  it("an error before the first event of a stream is a plain error", async () => {
    await failure(
      () => chat(client, "[[mock status=429]]", { stream: true }),
      OpenAI.RateLimitError,
      429,
    );
  });

  for (const [name, fault] of [
    ["S1 an error event in the middle of a stream is thrown, what came before is charged", "error_after=3"],
    ["S1 an upstream that breaks off in the middle is an error, what came before is charged", "cut_after=3"],
    ["S1 an upstream that ends without [DONE] is an error, what came before is charged", "end_after=3"],
  ]) {
    it(name, async () => {
      const before = await all.admin.balance();
      const { data: stream, response } = await client.chat.completions
        .create({ model, stream: true, messages: say(`[[mock chunks=9 size=20 delay_ms=5 ${fault}]]`) })
        .withResponse();
      let seen = 0;
      await assert.rejects(async () => {
        for await (const chunk of stream) if (chunk.choices[0]?.delta?.content) ++seen;
      }, OpenAI.APIError);
      assert.equal(seen, 3);
      const row = await all.admin.row(response.headers.get("x-oneapi-request-id"));
      const { prompt_tokens: prompt, completion_tokens: completion } = row;
      assert.ok(completion > 0 && completion < 60, `completion ${completion}`);
      assert.equal(row.quota, quota({ prompt, completion }, ratios[model]));
      assert.equal(JSON.parse(row.other).settled_by, "counted");
      assert.equal(before - (await all.admin.balance()), row.quota);
    });
  }

  it("B5 the SDK's own retry after a 500 leads to one charge", async () => {
    const rows = (await all.admin.consumeRows()).length;
    const patient = sdk((await all.admin.token()).key, { maxRetries: 2 });
    const { data, response } = await patient.chat.completions
      .create({ model, messages: say("[[mock fail_first=1 status=500 usage=70:7]]") })
      .withResponse();
    assert.equal(data.usage.total_tokens, 77);
    const row = await all.admin.row(response.headers.get("x-oneapi-request-id"));
    assert.equal(row.quota, quota({ prompt: 70, completion: 7 }, ratios[model]));
    assert.equal((await all.admin.consumeRows()).length, rows + 1);
  });

  it("B9 after all of it, the rows are the fall of the balance", async () => {
    const rows = (await all.admin.consumeRows()).slice(0, -1);
    const sum = rows.reduce((total, row) => total + row.quota, 0);
    assert.equal(balance - (await all.admin.balance()), sum);
  });
});
