// Parameter and header overrides of channels, as the upstream sees them.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Account, startAll } from "../lib/gateway.mjs";
import { canary } from "../lib/canary.mjs";

describe("overrides", { timeout: 120_000 }, () => {
  let all, key;
  let models = 0;
  before(async () => {
    all = await startAll({ env: { ERROR_LOG_ENABLED: "true" } });
    key = (await all.admin.token()).key;
  });
  after(() => all?.stop());

  /** A channel with a model of its own; answers the model's name. */
  async function channel(fields, scenario = "usage=10:20") {
    const model = `m-${++models}`;
    await all.admin.channel({ base_url: all.mock.base(scenario), models: model, name: model, ...fields });
    return model;
  }
  const override = (...operations) => ({ param_override: JSON.stringify({ operations }) });

  /** Sends a body's text and answers the response with what the upstream saw of it. */
  async function send(path, text, headers = {}) {
    await all.mock.clear();
    const response = await fetch(all.gateway.url + path, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}`, ...headers },
      body: text,
    });
    const answer = await response.text();
    const seen = await all.mock.requests();
    return { status: response.status, answer, seen: seen.at(-1), count: seen.length };
  }
  const chat = (model, more = "") =>
    `{ "model":"${model}", "seed":18446744073709551617, "temperature":1.0,"messages":[{"role":"user","content":"h\\u00e9 \\/"}]${more} }`;

  it("F1 changes what is named and no other byte", async () => {
    const model = await channel(
      override(
        { mode: "set", path: "temperature", value: 0.1 },
        { mode: "append", path: "messages", value: { role: "user", content: "and" } },
        { mode: "ensure_suffix", path: "messages.0.content", value: "!" },
      ),
    );
    const { status, seen } = await send("/v1/chat/completions?x=1", chat(model));
    assert.equal(status, 200);
    assert.equal(
      seen.body,
      `{ "model":"${model}", "seed":18446744073709551617, "temperature":0.1,"messages":[{"role":"user","content":"h\\u00e9 \\/!"},{"role":"user","content":"and"}] }`,
    );
  });

  it("works on the mapped model and lets conditions ask for models, path and test", async () => {
    const condition = (path, value) => [{ path, mode: "full", value }];
    const mapped = { model_mapping: JSON.stringify({ [`m-${models + 1}`]: "openai/up" }) };
    const model = await channel({
      ...mapped,
      ...override(
        { mode: "trim_prefix", path: "model", value: "openai/" },
        { mode: "set", path: "a", value: 1, conditions: condition("original_model", `m-${models + 1}`) },
        { mode: "set", path: "b", value: 1, conditions: condition("upstream_model", "openai/up") },
        { mode: "set", path: "c", value: 1, conditions: condition("request_path", "/v1/chat/completions?x=1") },
        { mode: "set", path: "d", value: 1, conditions: condition("is_channel_test", true) },
      ),
    });
    const { seen } = await send("/v1/chat/completions?x=1", chat(model));
    const body = JSON.parse(seen.body);
    assert.equal(body.model, "up");
    assert.deepEqual([body.a, body.b, body.c, body.d], [1, 1, 1, undefined]);
  });

  it("applies without operations member by member, and after the removals", async () => {
    const model = await channel({ param_override: JSON.stringify({ temperature: 0, service_tier: "flex" }) });
    const body = JSON.parse((await send("/v1/chat/completions", chat(model, `,"service_tier":"auto"`))).seen.body);
    assert.equal(body.temperature, 0);
    assert.equal(body.service_tier, "flex");
  });

  it("changes streams and embeddings, not speech", async () => {
    const fields = override({ mode: "set", path: "user", value: "u" });
    const model = await channel(fields);
    const stream = { model, messages: [{ role: "user", content: "x" }], stream: true };
    let got = await send("/v1/chat/completions", JSON.stringify(stream));
    assert.match(got.answer, /data: \[DONE\]/);
    assert.equal(JSON.parse(got.seen.body).user, "u");
    got = await send("/v1/embeddings", JSON.stringify({ model, input: "x" }));
    assert.equal(JSON.parse(got.seen.body).user, "u");
    got = await send("/v1/audio/speech", JSON.stringify({ model, input: "x", voice: "alloy" }));
    assert.equal(JSON.parse(got.seen.body).user, undefined);
  });

  it("B10 that lets the answer be longer needs the room for it, before the upstream is called", async () => {
    const longer = await channel(override({ mode: "set", path: "max_tokens", value: 10_000 }));
    const same = await channel(override({ mode: "set", path: "temperature", value: 0 }));
    const limited = await all.admin.token({ unlimited_quota: false, remain_quota: 30_000 });
    const headers = { Authorization: `Bearer ${limited.key}` };
    const refused = await send("/v1/chat/completions", chat(longer), headers);
    assert.equal(refused.status, 403);
    // 500 and 10,000 tokens at 37.5.
    assert.match(refused.answer, /token remain quota: ＄0.060000, need quota: ＄0.787500/);
    assert.equal(refused.count, 0);
    assert.equal((await send("/v1/chat/completions", chat(same), headers)).status, 200);
  });

  it("leaves a body alone that its channel passes on as it is", async () => {
    const model = await channel({
      ...override({ mode: "set", path: "user", value: "u" }),
      setting: JSON.stringify({ pass_through_body_enabled: true }),
    });
    assert.equal((await send("/v1/chat/completions", chat(model))).seen.body, chat(model));
  });

  it("reports a rule that cannot be applied as the channel's fault and goes to the next channel", async () => {
    const model = await channel(override({ mode: "append", path: "seed", value: 1 }));
    let got = await send("/v1/chat/completions", chat(model));
    assert.equal(got.status, 500);
    assert.equal(got.count, 0);
    const { error } = JSON.parse(got.answer);
    assert.equal(error.code, "channel:param_override_invalid");
    assert.match(error.message, /^operation append failed: operation not supported for type: Number/);

    await all.admin.option("RetryTimes", "1");
    await all.admin.channel({ base_url: all.mock.base("usage=10:20"), models: model, name: "second", priority: -1 });
    got = await send("/v1/chat/completions", chat(model));
    assert.equal(got.status, 200);
    assert.equal(got.count, 1);
    await all.admin.option("RetryTimes", "0");
  });

  it("sets headers, the channel's key in them, and passes the client's on", async () => {
    const model = await channel({
      header_override: JSON.stringify({
        "X-Set": "1",
        "api-key": "{api_key}",
        "X-From": "{client_header:X-Trace}",
        "X-None": "{client_header:X-Missing}",
        "re:^X-Pass": "",
        Host: "virtual.example",
        accept: "application/x-own",
      }),
    });
    const { status, seen } = await send("/v1/chat/completions", chat(model), {
      "x-trace": "t",
      "x-pass-me": "p",
      "x-other": "o",
      cookie: "never=1",
    });
    assert.equal(status, 200);
    const headers = new Map(seen.headers.map(([name, value]) => [name.toLowerCase(), value]));
    assert.equal(headers.get("x-set"), "1");
    assert.equal(`Bearer ${headers.get("api-key")}`, headers.get("authorization"));
    assert.equal(headers.get("x-from"), "t");
    assert.equal(headers.get("x-pass-me"), "p");
    assert.equal(headers.get("host"), "virtual.example");
    assert.equal(headers.get("accept"), "application/x-own");
    for (const name of ["x-none", "x-other", "cookie", "x-trace"]) assert.equal(headers.get(name), undefined, name);
  });

  it("replaces the credential when a rule names it, also with nothing", async () => {
    const model = await channel({ header_override: JSON.stringify({ AUTHORIZATION: "Basic eA==" }) });
    let { seen } = await send("/v1/chat/completions", chat(model));
    const authorization = () =>
      seen.headers.filter(([name]) => name.toLowerCase() === "authorization").map(([, value]) => value);
    assert.deepEqual(authorization(), ["Basic eA=="]);
    const none = await channel({ header_override: JSON.stringify({ authorization: "{client_header:X-Missing}" }) });
    ({ seen } = await send("/v1/chat/completions", chat(none)));
    assert.deepEqual(authorization(), []);
  });

  it("X1 keeps the credentials of header overrides out of what clients see", async () => {
    const secret = canary("header");
    const model = await channel(
      { header_override: JSON.stringify({ Authorization: `Bearer ${secret}` }) },
      "status=400,echo_key",
    );
    const { status, answer } = await send("/v1/chat/completions", chat(model));
    assert.equal(status, 400);
    assert.ok(!answer.includes(secret), answer);
  });

  it("refuses rules when they are saved that could never work", async () => {
    for (const fields of [
      { param_override: `{"operations":{}}` },
      { header_override: `{"X-A":1}` },
      { header_override: `{"re:(":""}` },
    ])
      await assert.rejects(channel(fields), /override/);
  });

  it("reports a client's value that cannot stand in a header as the channel's fault", async () => {
    const model = await channel({ header_override: JSON.stringify({ "X-A": "a\u0001b" }) });
    const { status, answer } = await send("/v1/chat/completions", chat(model));
    assert.equal(status, 500);
    assert.equal(JSON.parse(answer).error.code, "channel:header_override_invalid");
  });

  it("applies to tests of channels", async () => {
    await channel({
      ...override({
        mode: "set",
        path: "user",
        value: "tester",
        conditions: [{ path: "is_channel_test", mode: "full", value: true }],
      }),
      header_override: JSON.stringify({ "X-Set": "1", "*": "" }),
    });
    const { items } = await all.admin.call("GET", "/api/channel/?p=1&page_size=100");
    const { id } = items.find(({ name }) => name === `m-${models}`);
    await all.mock.clear();
    const account = new Account(all.gateway.url);
    const response = await fetch(`${account.url}/api/channel/test/${id}`, {
      headers: { Cookie: all.admin.cookie, "New-Api-User": String(all.admin.id), "X-Not-Passed": "1" },
    });
    assert.equal((await response.json()).success, true);
    const [seen] = await all.mock.requests();
    assert.equal(JSON.parse(seen.body).user, "tester");
    const names = seen.headers.map(([name]) => name.toLowerCase());
    assert.ok(names.includes("x-set"));
    assert.ok(!names.includes("x-not-passed"));
  });
});
