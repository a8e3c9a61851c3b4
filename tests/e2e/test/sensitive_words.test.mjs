// Prompts with a word of the list are refused before an upstream is called or anything is charged.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually, startAll } from "../lib/gateway.mjs";

const user = (content) => ({ messages: [{ role: "user", content }] });

describe("sensitive words", { timeout: 120_000 }, () => {
  let all, token;

  before(async () => {
    all = await startAll({ scenario: "usage=5:5", models: "m" });
    token = await all.admin.token();
    await all.admin.option("SensitiveWords", "forbidden\n  Ärger \n\n敏感词");
  });
  after(() => all?.stop());

  async function ask(body, path = "/v1/chat/completions") {
    const response = await fetch(all.gateway.url + path, {
      method: "POST",
      headers: { Authorization: `Bearer ${token.key}`, "Content-Type": "application/json" },
      body: typeof body === "string" ? body : JSON.stringify({ model: "m", ...body }),
    });
    return { status: response.status, answer: await response.json() };
  }
  async function refused(body, path) {
    await all.mock.clear();
    const { status, answer } = await ask(body, path);
    assert.equal(status, 400);
    assert.equal(answer.error.code, "sensitive_words_detected");
    assert.equal(answer.error.type, "new_api_error");
    assert.match(answer.error.message, /^sensitive_words_detected \(request id: \w+\)$/);
    assert.equal((await all.mock.requests()).length, 0);
  }
  const passes = async (body, path) => assert.equal((await ask(body, path)).status, 200);

  it("refuses a word in any case, inside others, and written in escapes", async () => {
    await refused(user("this is FORBIDDEN"));
    await refused(user("unforbiddenly"));
    await refused(user("viel ÄRGER"));
    await refused(user("这是敏感词。"));
    await refused('{"model":"m","messages":[{"role":"user","content":"f\\u006frbidden"}]}');
  });

  it("looks into parts, names, tools, prompts and inputs", async () => {
    await refused(user([{ type: "text", text: "a" }, { type: "text", text: "forbidden" }]));
    await refused({ messages: [{ role: "user", name: "forbidden", content: "a" }] });
    await refused({
      ...user("a"),
      tools: [{ type: "function", function: { name: "f", parameters: { type: "object", title: "forbidden" } } }],
    });
    await refused({ prompt: "forbidden" }, "/v1/completions");
    await refused({ input: ["a", "forbidden"] }, "/v1/embeddings");
    await refused({ input: "forbidden" }, "/v1/moderations");
    await refused({ prompt: "forbidden" }, "/v1/images/generations");
    await refused({ input: "forbidden", voice: "alloy" }, "/v1/audio/speech");
    await refused({ query: "forbidden", documents: ["a"] }, "/v1/rerank");
  });

  it("looks into the prompt of an edit, not into its files", async () => {
    const edit = (prompt, image) => {
      const form = new FormData();
      form.set("model", "m");
      form.set("prompt", prompt);
      form.set("image", new Blob([image]), "a.png");
      return form;
    };
    const send = (body) =>
      fetch(`${all.gateway.url}/v1/images/edits`, { method: "POST", headers: { Authorization: `Bearer ${token.key}` }, body });
    await all.mock.clear();
    const response = await send(edit("FORBIDDEN", "a"));
    assert.equal(response.status, 400);
    assert.equal((await response.json()).error.code, "sensitive_words_detected");
    assert.equal((await all.mock.requests()).length, 0);
    await (await send(edit("a", "forbidden"))).text();
    assert.equal((await all.mock.requests()).length, 1);
  });

  it("looks into long prompts too", async () => {
    await refused(user(`${"x ".repeat(200_000)}forbidden`));
    await passes(user("x ".repeat(200_000)));
  });

  it("lets pass what holds no word, or holds it only over the border of two parts or in a file", async () => {
    await passes(user("nothing"));
    await passes(user([{ type: "text", text: "forbid" }, { type: "text", text: "den" }]));
    await passes(user([{ type: "image_url", image_url: { url: "data:image/png;base64,forbidden" } }]));
  });

  it("costs nothing and leaves no row", async () => {
    const before = await all.admin.balance();
    const rows = (await all.admin.consumeRows()).length;
    await refused(user("forbidden"));
    assert.equal(await all.admin.balance(), before);
    assert.equal((await all.admin.consumeRows()).length, rows);
  });

  it("answers 500 where the options say so, and nothing is searched when it is off", async () => {
    await all.admin.option("tg.validation_status", "500");
    await eventually(async () => (await ask(user("forbidden"))).status === 500, "500");
    await all.admin.option("tg.validation_status", "");
    await all.admin.option("CheckSensitiveOnPromptEnabled", "false");
    await eventually(async () => (await ask(user("forbidden"))).status === 200, "off");
    await all.admin.option("CheckSensitiveOnPromptEnabled", "true");
    await eventually(async () => (await ask(user("forbidden"))).status === 400, "on");
    await all.admin.option("CheckSensitiveEnabled", "false");
    await eventually(async () => (await ask(user("forbidden"))).status === 200, "off");
  });
});
