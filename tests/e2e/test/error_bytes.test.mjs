// Errors to the byte, as clients of the compatible product know them; RID stands for the request id.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Account, startAll, startGateway } from "../lib/gateway.mjs";
import { freePort } from "../lib/process.mjs";
import { post } from "../lib/raw.mjs";

const model = "gpt-4o-mini";

describe("error bytes", { timeout: 120_000 }, () => {
  let all, key;
  before(async () => {
    all = await startAll({ models: model });
    await all.admin.channel({ base_url: `http://127.0.0.1:${await freePort()}`, models: "gpt-4o", name: "down" });
    key = (await all.admin.token()).key;
  });
  after(() => all?.stop());

  async function same(status, expected, { who = key, body, text = "hi", name = model } = {}) {
    const answer = await post(
      `${all.gateway.url}/v1/chat/completions`,
      who,
      body ?? { model: name, messages: [{ role: "user", content: text }] },
    );
    assert.equal(answer.status, status);
    assert.equal(answer.headers["content-type"], "application/json; charset=utf-8");
    assert.equal(answer.body.toString().replaceAll(answer.headers["x-oneapi-request-id"], "RID"), expected);
  }

  it("a mapped status: of an error answer, and of what was wrong with a 200; a network failure keeps its own", async () => {
    const status_code_mapping = '{"500":"503","429":"418"}';
    const mapped = { status_code_mapping, models: "gpt-4.1-nano", name: "mapped", base_url: all.mock.url };
    await all.admin.channel(mapped);
    const status = async (text) =>
      (
        await post(`${all.gateway.url}/v1/chat/completions`, key, {
          model: "gpt-4.1-nano",
          messages: [{ role: "user", content: `[[mock ${text}]]` }],
        })
      ).status;
    assert.equal(await status("status=429"), 418);
    assert.equal(await status("empty200"), 503);
    assert.equal(await status("cut_head"), 500);
  });

  it("unknown token", () =>
    same(401, '{"error":{"code":"","message":"无效的令牌 (request id: RID)","type":"new_api_error"}}', { who: "sk-no" }));

  it("no channel", () =>
    same(
      503,
      '{"error":{"code":"model_not_found","message":"分组 default 下模型 x 无可用渠道（distributor） (request id: RID)","type":"new_api_error"}}',
      { name: "x" },
    ));

  it("no model", () =>
    same(
      400,
      '{"error":{"code":"","message":"未指定模型名称，模型名称不能为空 (request id: RID)","type":"new_api_error"}}',
      { body: { messages: [] } },
    ));

  it("balance 0", async () => {
    await all.admin.call("POST", "/api/user/", { username: "poor", password: "nothing to spend", role: 1 });
    const poor = await Account.login(all.gateway.url, "poor", "nothing to spend");
    await same(
      403,
      '{"error":{"message":"用户额度不足, 剩余额度: ＄0.000000 (request id: RID)","type":"new_api_error","param":"","code":"insufficient_user_quota"}}',
      { who: (await poor.token()).key },
    );
  });

  it("a rule of the body", () =>
    same(
      400,
      '{"error":{"message":"field messages is required (request id: RID)","type":"new_api_error","param":"","code":"invalid_request"}}',
      { body: { model } },
    ));

  it("upstream 429 with type and code", () =>
    same(429, '{"error":{"message":"mock error 429","type":"mock_error","param":"","code":"mock_429"}}', {
      text: "[[mock status=429]]",
    }));

  it("upstream 529 of another dialect", () =>
    same(529, '{"error":{"message":"Overloaded","type":"overloaded_error","param":"","code":null}}', {
      text: "[[mock status=529 body=anthropic]]",
    }));

  for (const body of ["html", "text", "empty"])
    it(`upstream 502 with ${body}`, () =>
      same(
        502,
        '{"error":{"message":"openai_error","type":"bad_response_status_code","param":"","code":"bad_response_status_code"}}',
        { text: `[[mock status=502 body=${body}]]` },
      ));

  for (const status of [401, 403])
    it(`upstream ${status}: a fixed text`, () =>
      same(
        status,
        `{"error":{"message":"upstream authentication failed","type":"mock_error","param":"","code":"mock_${status}"}}`,
        { text: `[[mock status=${status}]]` },
      ));

  it("connection refused", () =>
    same(
      500,
      '{"error":{"message":"upstream error: do request failed (request id: RID)","type":"new_api_error","param":"","code":"do_request_failed"}}',
      { name: "gpt-4o" },
    ));

  it("a 200 that is no JSON", () =>
    same(
      500,
      '{"error":{"message":"the upstream\'s answer is not valid JSON","type":"bad_response_body","param":"","code":"bad_response_body"}}',
      { text: "[[mock html200]]" },
    ));

  it("TOLLGATE_UPSTREAM_AUTH_TEXT=pass gives the upstream's own text", async () => {
    const gateway = await startGateway({ env: { TOLLGATE_UPSTREAM_AUTH_TEXT: "pass" } });
    try {
      const admin = await Account.setup(gateway.url);
      await admin.channel({ base_url: all.mock.base("status=401"), models: model });
      const answer = await post(`${gateway.url}/v1/chat/completions`, (await admin.token()).key, {
        model,
        messages: [{ role: "user", content: "hi" }],
      });
      assert.equal(
        answer.body.toString(),
        '{"error":{"message":"mock error 401","type":"mock_error","param":"","code":"mock_401"}}',
      );
    } finally {
      await gateway.stop();
    }
  });
});
