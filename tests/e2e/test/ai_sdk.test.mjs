// The AI SDK's provider for OpenAI-compatible servers, unpatched: a tool loop of three turns, plain and streamed, and
// what each turn cost.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { eventually, startAll } from "../lib/gateway.mjs";
import { quota, ratios } from "../lib/price.mjs";

const model = "gpt-4o-mini";

describe("AI SDK", { timeout: 120_000 }, () => {
  let all, key, provider;
  before(async () => {
    all = await startAll({ models: model });
    ({ key } = await all.admin.token());
    provider = createOpenAICompatible({
      name: "tollgate",
      baseURL: `${all.gateway.url}/v1`,
      apiKey: key,
      includeUsage: true,
    });
  });
  after(() => all?.stop());

  // What the provider does next stands in what it is told: by the user first, then by the tool's results.
  const turns = [
    { say: "[[mock tools usage=100:11]]", prompt: 100, completion: 11 },
    { say: "[[mock tools usage=140:12]]", prompt: 140, completion: 12 },
    { say: "[[mock usage=180:13]]", prompt: 180, completion: 13 },
  ];

  function loop() {
    const asked = [];
    return {
      asked,
      model: provider(model),
      maxRetries: 0,
      prompt: turns[0].say,
      stopWhen: stepCountIs(5),
      tools: {
        lookup: tool({
          description: "finds things",
          inputSchema: z.object({}).passthrough(),
          execute: (input) => {
            asked.push(input);
            return { found: turns[asked.length].say };
          },
        }),
      },
    };
  }

  /** Every turn has one row with its own counts at its exact price, and together they left the balance. */
  async function charged(run) {
    const balance = await all.admin.balance();
    const before = (await all.admin.consumeRows()).length;
    const result = await run();
    const rows = await eventually(async () => {
      const now = await all.admin.consumeRows();
      return now.length >= before + turns.length && now;
    }, "a row for each turn");
    assert.equal(rows.length, before + turns.length);
    const prices = turns.map(({ prompt, completion }) => quota({ prompt, completion, cached: 0 }, ratios[model]));
    const newest = rows.sort((a, b) => b.id - a.id).slice(0, turns.length).map((row) => row.quota);
    assert.deepEqual(newest.sort(), [...prices].sort());
    assert.equal(balance - (await all.admin.balance()), prices.reduce((sum, price) => sum + price));
    return result;
  }

  it("B9 a tool loop of three turns", async () => {
    const request = loop();
    const result = await charged(() => generateText(request));
    assert.equal(result.steps.length, 3);
    assert.equal(request.asked.length, 2);
    assert.ok(result.text.length > 0);
    assert.deepEqual(
      result.steps.map((step) => [step.usage.inputTokens, step.usage.outputTokens]),
      turns.map(({ prompt, completion }) => [prompt, completion]),
    );
    assert.equal(result.finishReason, "stop");
  });

  it("B9 a tool loop of three turns, streamed", async () => {
    const request = loop();
    const result = await charged(async () => {
      const stream = streamText(request);
      let text = "";
      for await (const piece of stream.textStream) text += piece;
      return { text, steps: await stream.steps, finishReason: await stream.finishReason };
    });
    assert.equal(result.steps.length, 3);
    assert.equal(request.asked.length, 2);
    assert.ok(result.text.length > 0);
    assert.deepEqual(
      result.steps.map((step) => [step.usage.inputTokens, step.usage.outputTokens]),
      turns.map(({ prompt, completion }) => [prompt, completion]),
    );
    assert.equal(result.finishReason, "stop");
  });

  it("an object by a schema", async () => {
    const { object } = await generateObject({
      model: createOpenAICompatible({
        name: "tollgate",
        baseURL: `${all.gateway.url}/v1`,
        apiKey: key,
        supportsStructuredOutputs: true,
      })(model),
      schema: z.object({ a: z.string(), n: z.number() }),
      prompt: "[[mock json_schema]]",
      maxRetries: 0,
    });
    assert.deepEqual(object, { a: "value", n: 42 });
  });

  it("S6 an error of the provider is one of the SDK's own kind", async () => {
    await assert.rejects(
      generateText({ model: provider(model), prompt: "[[mock status=429]]", maxRetries: 0 }),
      (error) => APICallError.isInstance(error) && error.statusCode === 429 && error.isRetryable,
    );
  });

  it("the client leaves in the middle of a stream", async () => {
    const leave = new AbortController();
    const stream = streamText({
      model: provider(model),
      prompt: "[[mock chunks=100 delay_ms=50]]",
      maxRetries: 0,
      abortSignal: leave.signal,
      onError: () => {},
    });
    const { aborted } = await all.mock.stats();
    let pieces = 0;
    for await (const part of stream.fullStream) if (part.type === "text-delta" && ++pieces === 2) leave.abort();
    assert.ok(pieces < 100);
    await eventually(async () => (await all.mock.stats()).aborted > aborted, "the provider sees the stream closed");
  });
});
