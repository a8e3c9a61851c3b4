// What an upstream refuses as a violation costs a fee, and is not asked elsewhere.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, it } from "node:test";
import { eventually, startAll } from "../lib/gateway.mjs";

const text = "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_CSAM";

describe("violation fee", { timeout: 120_000 }, () => {
  let all, token, provider;
  let asked = 0;

  before(async () => {
    provider = createServer((request, response) => {
      ++asked;
      request.resume();
      request.on("end", () => {
        response.writeHead(403, { "Content-Type": "application/json" });
        response.end(JSON.stringify({ error: { message: text, type: "permission_denied", code: "denied" } }));
      });
    });
    await new Promise((done) => provider.listen(0, "127.0.0.1", done));
    all = await startAll();
    await all.admin.option("RetryTimes", "2");
    await all.admin.option("GroupRatio", JSON.stringify({ default: 2 }));
    await all.admin.channel({ base_url: `http://127.0.0.1:${provider.address().port}`, models: "m" });
    token = await all.admin.token();
  });
  after(async () => {
    provider?.close();
    await all?.stop();
  });

  async function ask() {
    const response = await fetch(`${all.gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token.key}`, "Content-Type": "application/json" },
      body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] }),
    });
    return { status: response.status, id: response.headers.get("x-oneapi-request-id"), answer: await response.json() };
  }

  it("is charged once by the price of the group, and stands in the log", async () => {
    const before = await all.admin.balance();
    asked = 0;
    const { status, id, answer } = await ask();
    assert.equal(status, 403);
    assert.equal(answer.error.code, "violation_fee.grok.csam");
    assert.equal(answer.error.type, "violation_fee.grok.csam");
    assert.equal(asked, 1);
    const row = await all.admin.row(id);
    assert.equal(row.rows, 1);
    assert.equal(row.quota, 0.05 * 500_000 * 2);
    assert.equal(row.content, "Violation fee charged");
    assert.deepEqual(JSON.parse(row.other), {
      violation_fee: true,
      violation_fee_code: "violation_fee.grok.csam",
      fee_quota: 50_000,
      base_amount: 0.05,
      group_ratio: 2,
      status_code: 403,
      upstream_error_type: "violation_fee.grok.csam",
      upstream_error_code: "violation_fee.grok.csam",
      violation_fee_marker: "Failed check: SAFETY_CHECK_TYPE_CSAM",
    });
    await eventually(async () => (await all.admin.balance()) === before - 50_000, "the balance fell by the fee");
  });

  it("is not charged when the options say so, and still not asked elsewhere", async () => {
    await all.admin.option("grok.violation_deduction_enabled", "false");
    const before = await all.admin.balance();
    const rows = (await all.admin.consumeRows()).length;
    asked = 0;
    const { status } = await ask();
    assert.equal(status, 403);
    assert.equal(asked, 1);
    assert.equal(await all.admin.balance(), before);
    assert.equal((await all.admin.consumeRows()).length, rows);
  });
});
