// Bodies that are wrong: 400 with OpenAI's error object, which says what is wrong; the upstream never sees them.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { startAll } from "../lib/gateway.mjs";
import { post } from "../lib/raw.mjs";

const model = "gpt-4o-mini";
const messages = '"messages":[{"role":"user","content":"hi"}]';
const chat = (more = "") => `{"model":"${model}",${messages}${more}}`;

describe("bad JSON", { timeout: 120_000 }, () => {
  let all, key;
  before(async () => {
    all = await startAll({ models: model });
    key = (await all.admin.token()).key;
  });
  after(() => all?.stop());
  const ask = (body) => post(`${all.gateway.url}/v1/chat/completions`, key, body);

  for (const [what, body, text] of [
    ["an empty body", "", "unexpected end of JSON input"],
    ["malformed JSON", "{", "the body is not valid JSON"],
    ["no object", "[]", "the body must be a JSON object"],
    ["bytes that are no UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), "the body is not UTF-8"],
    ["an unpaired surrogate in a name", chat(',"\\ud800":1'), "a member name of the body has an unpaired surrogate"],
    ["a model that is no string", `{"model":1,${messages}}`, "model must be a string"],
    ["a duplicate member", chat(',"model":"gpt-4o"'), 'duplicate member "model"'],
    ["a duplicate member in escapes", chat(',"mod\\u0065l":"gpt-4o"'), 'duplicate member "model"'],
    ["too many levels", chat(`,"x":${"[".repeat(128)}${"]".repeat(128)}`), "the body is nested more than 128 levels deep"],
    ["a long name", chat(`,"${"k".repeat(4097)}":1`), "a member name of the body is longer than 4096 bytes"],
    ["a long number", chat(`,"x":${"1".repeat(65)}`), "a number of the body is longer than 64 characters"],
    ["a million members", chat(`,"x":{${'"":1,'.repeat(1_000_000)}"":1}`), "the body has more than 1000000 members"],
  ])
    it(`400 for ${what}`, async () => {
      const answer = await ask(body);
      assert.equal(answer.status, 400);
      const { error } = JSON.parse(answer.body);
      assert.equal(error.type, "new_api_error");
      const id = answer.headers["x-oneapi-request-id"];
      assert.equal(error.message, `Invalid request, 无效的请求, ${text} (request id: ${id})`);
    });

  for (const [more, text] of [
    [',"max_tokens":1e3', "max_tokens must be an integer"],
    [',"max_tokens":"5"', "max_tokens must be an integer"],
    [',"max_completion_tokens":1.5', "max_completion_tokens must be an integer"],
    [',"max_tokens":-1', "max_tokens is invalid"],
    [',"n":1000000000', "n is invalid"],
    [',"stream":"yes"', "stream must be a boolean"],
    [',"tools":{}', "tools must be an array"],
  ])
    it(`400 for ${more.slice(1)}`, async () => {
      const answer = await ask(chat(more));
      assert.equal(answer.status, 400);
      const { error } = JSON.parse(answer.body);
      assert.equal(error.code, "invalid_request");
      assert.ok(error.message.startsWith(`${text} (request id: `), error.message);
    });

  it("a name in another case is renamed, or removed beside the exact one; other bytes stay", async () => {
    await all.mock.clear();
    assert.equal((await ask(`{"MODEL" : "${model}", ${messages},"x":1.0}`)).status, 200);
    assert.equal((await ask(`{"Model":"gpt-4o","model":"${model}",${messages}}`)).status, 200);
    const [first, second] = await all.mock.requests();
    assert.equal(first.body, `{"model" : "${model}", ${messages},"x":1.0}`);
    assert.equal(second.body, chat());
  });

  it("none of the refused ones reached the upstream", async () => {
    assert.equal((await all.mock.requests()).length, 2);
  });
});
