// What the search for told secrets finds, and that a provider which shows its key in every form does not get it out.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { canary, told } from "../lib/canary.mjs";
import { eventually, startAll } from "../lib/gateway.mjs";
import { post } from "../lib/raw.mjs";

const model = "gpt-4o-mini";

describe("canary", { timeout: 120_000 }, () => {
  let all, key;
  before(async () => {
    all = await startAll({ models: model, env: { ERROR_LOG_ENABLED: "true" } });
    key = (await all.admin.token()).key;
  });
  after(() => all?.stop()); // fails when a secret was told

  it("finds a secret in each form", () => {
    const secret = canary("found");
    for (const text of [
      `plain ${secret}.`,
      [...Buffer.from(secret)].map((byte) => `%${byte.toString(16).toUpperCase()}`).join(""),
      Buffer.from(secret).toString("base64"),
      Buffer.from(`u${secret}`).toString("base64"),
      Buffer.from(`u:${secret}x`).toString("base64"),
      `${secret.slice(0, 10)}****${secret.slice(-4)}`,
    ])
      assert.deepEqual(told(text), [secret], text);
    assert.deepEqual(told("nothing"), []);
  });

  for (const status of [400, 401, 429, 500])
    it(`X1 a ${status} that shows the key in every form tells nothing`, async () => {
      const answer = await post(`${all.gateway.url}/v1/chat/completions`, key, {
        model,
        messages: [{ role: "user", content: `[[mock echo_key status=${status}]]` }],
      });
      assert.equal(answer.status, status);
      assert.equal(answer.headers["retry-after"], undefined);
      assert.deepEqual(told(answer.body.toString()), []);
      if (status !== 401) assert.match(JSON.parse(answer.body).error.message, /^Incorrect API key provided: \*\*\*/);
    });

  it("X1 the error rows hold the scrubbed text", async () => {
    const rows = await eventually(async () => {
      const { items } = await all.admin.call("GET", "/api/log/?p=1&page_size=100&type=5");
      return items.length >= 4 && items;
    }, "the error rows");
    assert.deepEqual(told(JSON.stringify(rows)), []);
    assert.ok(rows.every((row) => row.content.includes("***")));
  });
});
