// Models that cost nothing, and prices by the call: what a user without a balance may use.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Account, eventually, startAll } from "../lib/gateway.mjs";

describe("free models", { timeout: 120_000 }, () => {
  let all, poor, rich;

  before(async () => {
    all = await startAll({ scenario: "usage=100:50", models: "free,gratis,call" });
    await all.admin.option("ModelRatio", JSON.stringify({ free: 0 }));
    await all.admin.option("ModelPrice", JSON.stringify({ gratis: 0, call: 0.002 }));
    await all.admin.call("POST", "/api/user/", { username: "poor", password: "no balance", display_name: "poor" });
    poor = await (await Account.login(all.gateway.url, "poor", "no balance")).token();
    rich = await all.admin.token();
  });
  after(() => all?.stop());

  async function ask(model, token) {
    const response = await fetch(`${all.gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token.key}`, "Content-Type": "application/json" },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }] }),
    });
    return { status: response.status, id: response.headers.get("x-oneapi-request-id"), answer: await response.json() };
  }

  it("need a balance like others by default", async () => {
    for (const model of ["free", "gratis"]) {
      const { status, answer } = await ask(model, poor);
      assert.equal(status, 403);
      assert.equal(answer.error.code, "insufficient_user_quota");
    }
    const { status, id } = await ask("free", rich);
    assert.equal(status, 200);
    assert.equal((await all.admin.row(id)).quota, 0);
  });

  it("need none when the options say so, and still leave a row", async () => {
    await all.admin.option("quota_setting.enable_free_model_pre_consume", "false");
    await eventually(async () => (await ask("free", poor)).status === 200, "free");
    for (const model of ["free", "gratis"]) {
      const { status, id } = await ask(model, poor);
      assert.equal(status, 200);
      const row = await all.admin.row(id);
      assert.equal(row.quota, 0);
      assert.equal(row.prompt_tokens, 100);
      assert.equal(JSON.parse(row.other).billing_source, undefined);
    }
    assert.equal((await ask("call", poor)).status, 403);
  });

  it("a price by the call does not look at tokens", async () => {
    const { id } = await ask("call", rich);
    const row = await all.admin.row(id);
    assert.equal(row.quota, 0.002 * 500_000);
    assert.equal(JSON.parse(row.other).model_price, 0.002);
  });
});
