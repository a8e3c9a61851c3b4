// The official OpenAI SDK, unpatched, through the gateway: every kind of call it makes, and what each one cost.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import OpenAI from "openai";
import { eventually, startAll, upstreamKey } from "../lib/gateway.mjs";
import { quota, ratios } from "../lib/price.mjs";

const model = "gpt-4o-mini";
const models =
  "gpt-4o-mini,gpt-3.5-turbo-instruct,text-embedding-3-small,text-moderation-latest,gpt-image-1,tts-1,gpt-4o-mini-tts";
const say = (text) => [{ role: "user", content: text }];
const tool = {
  type: "function",
  function: { name: "lookup", parameters: { type: "object", properties: { q: { type: "string" } }, required: ["q"] } },
};

describe("OpenAI SDK", { timeout: 120_000 }, () => {
  let all, client, key;
  before(async () => {
    all = await startAll({ models });
    ({ key } = await all.admin.token());
    client = new OpenAI({ baseURL: `${all.gateway.url}/v1`, apiKey: key, maxRetries: 0 });
  });
  after(() => all?.stop());

  /** Runs one call; checks that it wrote one row with these tokens at the exact price and took that from the balance. */
  async function charged(call, expected) {
    const balance = await all.admin.balance();
    const { data, response } = await call().withResponse();
    const result = typeof expected.read === "function" ? await expected.read(data) : data;
    const row = await all.admin.row(response.headers.get("x-oneapi-request-id"));
    const { prompt, completion, cached = 0 } = expected.usage;
    const price = quota({ prompt, completion, cached }, ratios[expected.model ?? model]);
    assert.equal(row.rows, 1);
    assert.equal(row.quota, price);
    assert.equal(row.prompt_tokens, prompt);
    assert.equal(row.completion_tokens, completion);
    assert.equal(row.is_stream, expected.read !== undefined);
    assert.equal(JSON.parse(row.other).settled_by, "upstream");
    assert.equal(balance - (await all.admin.balance()), price);
    return result;
  }

  const collect = async (stream) => {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return chunks;
  };
  const text = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta?.content ?? "").join("");

  it("B9 chat: answer and charge, cached tokens at their own price", async () => {
    const answer = await charged(
      () => client.chat.completions.create({ model, messages: say("[[mock usage=1000:500:200]]") }),
      { usage: { prompt: 1000, completion: 500, cached: 200 } },
    );
    assert.equal(answer.choices[0].message.content, "The quick brown fox jumps over t");
    assert.equal(answer.usage.total_tokens, 1500);
  });

  it("B9 stream without stream_options: every event and the usage", async () => {
    const chunks = await charged(
      () => client.chat.completions.create({ model, stream: true, messages: say("[[mock chunks=20 usage=321:77]]") }),
      { usage: { prompt: 321, completion: 77 }, read: collect },
    );
    assert.equal(text(chunks).length, 160);
    assert.equal(chunks.at(-1).usage.completion_tokens, 77);
    assert.equal(chunks.filter((chunk) => chunk.choices[0]?.finish_reason === "stop").length, 1);
  });

  it("B9 stream with include_usage: the usage chunk comes once", async () => {
    const chunks = await charged(
      () =>
        client.chat.completions.create({
          model,
          stream: true,
          stream_options: { include_usage: true },
          messages: say("[[mock delay_ms=2 usage=12:34]]"),
        }),
      { usage: { prompt: 12, completion: 34 }, read: collect },
    );
    assert.equal(chunks.filter((chunk) => chunk.usage).length, 1);
    assert.deepEqual(chunks.at(-1).choices, []);
  });

  it("B9 stream with include_usage false: charged by usage that the client does not see", async () => {
    await all.mock.clear();
    const chunks = await charged(
      () =>
        client.chat.completions.create({
          model,
          stream: true,
          stream_options: { include_usage: false },
          messages: say("[[mock usage=55:66]]"),
        }),
      { usage: { prompt: 55, completion: 66 }, read: collect },
    );
    assert.equal(chunks.filter((chunk) => chunk.usage).length, 0);
    const [request] = await all.mock.requests();
    assert.equal(JSON.parse(request.body).stream_options.include_usage, true);
  });

  it("B9 tools: a call in a plain answer", async () => {
    const answer = await charged(
      () => client.chat.completions.create({ model, tools: [tool], messages: say("[[mock tools usage=40:9]]") }),
      { usage: { prompt: 40, completion: 9 } },
    );
    assert.equal(answer.choices[0].finish_reason, "tool_calls");
    const [call] = answer.choices[0].message.tool_calls;
    assert.equal(call.function.name, "lookup");
    assert.deepEqual(JSON.parse(call.function.arguments), { q: "x" });
  });

  it("B9 tools: a call in pieces of a stream", async () => {
    const chunks = await charged(
      () =>
        client.chat.completions.create({
          model,
          tools: [tool],
          stream: true,
          messages: say("[[mock tools usage=41:10]]"),
        }),
      { usage: { prompt: 41, completion: 10 }, read: collect },
    );
    const pieces = chunks.flatMap((chunk) => chunk.choices[0]?.delta?.tool_calls ?? []);
    assert.equal(pieces[0].function.name, "lookup");
    assert.deepEqual(JSON.parse(pieces.map((piece) => piece.function.arguments ?? "").join("")), { q: "x" });
  });

  it("the SDK's stream helper puts the message together", async () => {
    const stream = client.chat.completions.stream({ model, messages: say("[[mock chunks=6 delay_ms=1]]") });
    const message = await stream.finalMessage();
    assert.equal(message.content.length, 48);
  });

  it("B9 JSON schema: the format reaches the upstream unchanged and the answer comes back", async () => {
    await all.mock.clear();
    const response_format = {
      type: "json_schema",
      json_schema: {
        name: "out",
        strict: true,
        schema: { type: "object", properties: { a: { type: "string" } }, required: ["a"], additionalProperties: false },
      },
    };
    const answer = await charged(
      () =>
        client.chat.completions.create({ model, response_format, messages: say("[[mock json_schema usage=30:8]]") }),
      { usage: { prompt: 30, completion: 8 } },
    );
    assert.deepEqual(JSON.parse(answer.choices[0].message.content), { a: "value", n: 42 });
    const [request] = await all.mock.requests();
    assert.deepEqual(JSON.parse(request.body).response_format, response_format);
  });

  it("B9 embeddings, as the SDK asks for them (base64)", async () => {
    const answer = await charged(
      () =>
        client.embeddings.create({
          model: "text-embedding-3-small",
          input: ["one", "two [[mock usage=1234:0 dims=3]]"],
        }),
      { usage: { prompt: 1234, completion: 0 }, model: "text-embedding-3-small" },
    );
    assert.equal(answer.data.length, 2);
    assert.deepEqual(Array.from(answer.data[1].embedding), [0.0625, 0.125, 0.1875]);
  });

  it("B9 legacy completions, plain", async () => {
    const instruct = "gpt-3.5-turbo-instruct";
    const answer = await charged(
      () => client.completions.create({ model: instruct, prompt: "Say [[mock usage=9:5]]" }),
      { usage: { prompt: 9, completion: 5 }, model: instruct },
    );
    assert.equal(answer.choices[0].text.length, 32);
  });

  it("B9 legacy completions, streamed", async () => {
    const instruct = "gpt-3.5-turbo-instruct";
    const chunks = await charged(
      () => client.completions.create({ model: instruct, stream: true, prompt: "Say [[mock usage=9:6 chunks=3]]" }),
      { usage: { prompt: 9, completion: 6 }, model: instruct, read: collect },
    );
    assert.equal(chunks.map((chunk) => chunk.choices[0]?.text ?? "").join("").length, 24);
  });

  it("B9 embeddings by the path of an engine", async () => {
    const engine = new OpenAI({
      baseURL: `${all.gateway.url}/v1/engines/text-embedding-3-small`,
      apiKey: key,
      maxRetries: 0,
    });
    const answer = await charged(
      () => engine.embeddings.create({ input: "one [[mock usage=1234:0 dims=3]]", encoding_format: "float" }),
      { usage: { prompt: 1234, completion: 0 }, model: "text-embedding-3-small" },
    );
    assert.deepEqual(answer.data[0].embedding, [0.0625, 0.125, 0.1875]);
  });

  /** The row of a call that is not charged by the tokens of its usage alone. */
  async function rowOf(response, charge) {
    const row = await all.admin.row(response.headers.get("x-oneapi-request-id"));
    assert.deepEqual([row.rows, row.quota], [1, charge]);
    return row;
  }

  it("B9 moderations", async () => {
    const { data, response } = await client.moderations
      .create({ model: "text-moderation-latest", input: ["one", "two"] })
      .withResponse();
    assert.equal(data.results.length, 2);
    assert.equal(data.results[0].flagged, false);
    await rowOf(response, 1); // some six tokens at a tenth
  });

  it("B9 images", async () => {
    const { data, response } = await client.images
      .generate({ model: "gpt-image-1", prompt: "a cube [[mock usage=1000:4160 image_tokens=800]]", n: 2 })
      .withResponse();
    assert.equal(data.data.length, 2);
    assert.equal(data.usage.output_tokens, 4160);
    await rowOf(response, 87_700);
  });

  it("B9 images, streamed", async () => {
    const { data: stream, response } = await client.images
      .generate({
        model: "gpt-image-1",
        prompt: "a cube [[mock chunks=2 usage=1000:4160 image_tokens=800]]",
        stream: true,
        partial_images: 2,
      })
      .withResponse();
    const events = await collect(stream);
    assert.deepEqual(
      events.map((event) => event.type.replace("image_generation.", "")),
      ["partial_image", "partial_image", "completed"],
    );
    assert.equal(events.at(-1).usage.total_tokens, 5160);
    await rowOf(response, 87_700);
  });

  it("S1 images, streamed: an error in the middle is thrown", async () => {
    const stream = await client.images.generate({
      model: "gpt-image-1",
      prompt: "a cube [[mock chunks=3 error_after=1]]",
      stream: true,
    });
    await assert.rejects(collect(stream), (error) => error instanceof OpenAI.APIError && /mock stream error/.test(error.message));
  });

  it("B9 speech, read whole", async () => {
    const input = "[[mock audio_ms=7200]]".padEnd(120, "x");
    const response = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input });
    assert.equal(response.headers.get("content-type"), "audio/mpeg");
    assert.equal((await response.arrayBuffer()).byteLength, 28_800);
    await rowOf(response, 900);
  });

  it("B9 speech of a model with a price of a call, as events", async () => {
    const response = await client.audio.speech.create({
      model: "gpt-4o-mini-tts",
      voice: "alloy",
      input: "[[mock usage=14:101 chunks=2]]",
      stream_format: "sse",
    });
    assert.match(await response.text(), /speech\.audio\.done/);
    await rowOf(response, 150_000);
  });

  it("B1 speech, aborted in the middle: the upstream is cut, what came is charged", async () => {
    const { aborted } = await all.mock.stats();
    const stop = new AbortController();
    const input = "[[mock audio_ms=240000 chunks=1000 delay_ms=20]]".padEnd(200, "x");
    const response = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input }, { signal: stop.signal });
    const reader = response.body.getReader();
    assert.ok((await reader.read()).value.length > 0);
    stop.abort();
    await eventually(async () => (await all.mock.stats()).aborted > aborted, "the upstream sees the cut");
    const row = await rowOf(response, 1500);
    assert.equal(row.prompt_tokens, 200);
    assert.ok(row.completion_tokens > 0 && row.completion_tokens < 4000, `${row.completion_tokens}`);
    assert.equal(JSON.parse(row.other).end, "client_gone");
  });

  it("models: the list holds what the channels serve", async () => {
    const ids = [];
    for await (const entry of client.models.list()) ids.push(entry.id);
    assert.deepEqual(ids.sort(), models.split(",").sort());
    assert.equal((await client.models.retrieve("gpt-4o-mini")).id, "gpt-4o-mini");
  });

  it("the upstream sees the channel's key and never the client's", async () => {
    await all.mock.clear();
    await client.chat.completions.create({ model, messages: say("hi") });
    const [request] = await all.mock.requests();
    const headers = new Map(request.headers.map(([name, value]) => [name.toLowerCase(), value]));
    assert.equal(headers.get("authorization"), `Bearer ${upstreamKey}`);
    assert.equal(request.path, "/v1/chat/completions");
    assert.ok(!JSON.stringify(request).includes(key.slice(3)));
  });

  it("B1 abort in mid-stream: the upstream is cut, what was received is charged once", async () => {
    const balance = await all.admin.balance();
    const { aborted } = await all.mock.stats();
    const { data: stream, response } = await client.chat.completions
      .create({ model, stream: true, messages: say("[[mock chunks=2000 size=20 delay_ms=20]]") })
      .withResponse();
    let seen = 0;
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta?.content && ++seen === 5) break;
    }
    await eventually(async () => (await all.mock.stats()).aborted > aborted, "the upstream sees the cut");
    const row = await all.admin.row(response.headers.get("x-oneapi-request-id"));
    const { prompt_tokens: prompt, completion_tokens: completion } = row;
    assert.ok(prompt > 0, `prompt ${prompt}`);
    assert.ok(completion >= 15 && completion < 2000, `completion ${completion}`);
    assert.equal(row.quota, quota({ prompt, completion }, ratios[model]));
    const other = JSON.parse(row.other);
    assert.equal(other.settled_by, "counted");
    assert.equal(other.end, "client_gone");
    assert.equal(balance - (await all.admin.balance()), row.quota);
  });

  it("B9 a hundred requests at once: the rows sum up to the fall of the balance", async () => {
    const balance = await all.admin.balance();
    const before = (await all.admin.consumeRows()).length;
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const messages = say(`[[mock usage=${100 + i}:${i % 7}]]`);
        if (i % 2) return client.chat.completions.create({ model, messages });
        return collect(await client.chat.completions.create({ model, messages, stream: true }));
      }),
    );
    const rows = await eventually(async () => {
      const now = await all.admin.consumeRows();
      return now.length >= before + 100 && now;
    }, "a hundred rows");
    assert.equal(rows.length, before + 100);
    const sum = rows.slice(0, 100).reduce((total, row) => total + row.quota, 0);
    const expected = Array.from({ length: 100 }, (_, i) =>
      quota({ prompt: 100 + i, completion: i % 7 }, ratios[model]),
    ).reduce((total, price) => total + price, 0);
    assert.equal(sum, expected);
    assert.equal(balance - (await all.admin.balance()), expected);
  });
});
