// Answers recorded from providers, played by the stand-in: what reaches the client is what the provider sent, byte for
// byte, and the charge is the price of the recorded usage. The recordings are not part of this repository: they are read
// from ../shared/fixtures/wire beside it, or from WIRE_CORPUS, and left out with a word when they are not there.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { startAll } from "../lib/gateway.mjs";
import { root } from "../lib/process.mjs";
import { quota, ratios } from "../lib/price.mjs";
import { payloads, post } from "../lib/raw.mjs";

const corpus = resolve(root, process.env.WIRE_CORPUS ?? "../shared/fixtures/wire");
const chat = {
  path: "chat/completions",
  ask: (directive) => ({ messages: [{ role: "user", content: directive }] }),
};
const sources = [
  { dir: "openai/chat", model: () => "gpt-4.1-nano" },
  {
    dir: "openai/completion",
    model: () => "gpt-3.5-turbo-instruct",
    path: "completions",
    ask: (directive) => ({ prompt: directive }),
  },
  {
    dir: "openai/embedding",
    model: () => "text-embedding-3-small",
    path: "embeddings",
    ask: (directive) => ({ input: directive }),
  },
  {
    dir: "openai/image",
    model: () => "dall-e-2",
    path: "images/generations",
    ask: (directive) => ({ prompt: directive, n: 2 }),
    // Nothing is reported: a token for each picture asked for.
    unreported: { prompt: 2, completion: 0 },
  },
  { dir: "deepseek/chat", model: (file) => (/reasoning|tool/.test(file) ? "deepseek-reasoner" : "deepseek-chat") },
  { dir: "mistral", model: () => "mistral-small-latest" },
  { dir: "xai", model: () => "grok-3-mini" },
];
const recordings = sources.flatMap(({ dir, model, ...how }) => {
  const path = join(corpus, dir);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((file) => file.endsWith(".json") || file.endsWith(".chunks.txt"))
    .sort()
    .map((file) => ({ name: `${dir}/${file}`, model: model(file), stream: file.endsWith(".chunks.txt"), ...chat, ...how }));
});

/** The usage a provider reported, as the charge reads it. */
function usageOf(usage) {
  return {
    prompt: usage.prompt_tokens,
    completion: usage.completion_tokens ?? 0,
    cached: usage.prompt_tokens_details?.cached_tokens ?? usage.prompt_cache_hit_tokens ?? 0,
  };
}

describe("recorded answers", { timeout: 120_000 }, () => {
  if (recordings.length === 0) {
    it("are left out", (t) => t.skip(`no recordings in ${corpus} (set WIRE_CORPUS)`));
    return;
  }
  let all, key;
  before(async () => {
    const models = [...new Set(recordings.map((recording) => recording.model))].join(",");
    all = await startAll({ recordings: corpus, models });
    ({ key } = await all.admin.token());
  });
  after(() => all?.stop());

  for (const { name, model, stream, path, ask, unreported } of recordings) {
    it(`B8 ${name} arrives byte for byte and costs its usage`, async () => {
      const recorded = readFileSync(join(corpus, name));
      const answer = await post(`${all.gateway.url}/v1/${path}`, key, {
        model,
        stream,
        ...ask(`[[mock recording=${name}]]`),
      });
      assert.equal(answer.status, 200);
      assert.ok(answer.ended);
      let usage;
      if (stream) {
        const sent = recorded.toString("latin1").split("\n").filter(Boolean);
        const got = payloads(answer.body).map((payload) => payload.toString("latin1"));
        assert.deepEqual(got, [...sent, "[DONE]"]);
        usage = sent.map((line) => JSON.parse(line).usage).filter(Boolean).at(-1);
      } else {
        assert.deepEqual(answer.body.toString("latin1"), recorded.toString("latin1"));
        usage = JSON.parse(recorded).usage;
      }
      const expected = usage ? usageOf(usage) : unreported;
      const row = await all.admin.row(answer.headers["x-oneapi-request-id"]);
      assert.equal(row.prompt_tokens, expected.prompt);
      assert.equal(row.completion_tokens, expected.completion);
      assert.equal(row.quota, quota(expected, ratios[model]));
      assert.equal(JSON.parse(row.other).settled_by, usage ? "upstream" : "counted");
    });
  }
});
