// The gateway is killed the moment a client has its whole answer: the charge is on disk by then, and is applied once.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Account, eventually, rootName, rootPassword, startGateway, startMock } from "../lib/gateway.mjs";
import { removeDir, tempDir } from "../lib/process.mjs";
import { quota, ratios } from "../lib/price.mjs";
import { post } from "../lib/raw.mjs";

const model = "gpt-4o-mini";

describe("crash", { timeout: 180_000 }, () => {
  let mock, dir, gateway, key, initial;
  before(async () => {
    dir = tempDir("crash");
    mock = await startMock();
    gateway = await startGateway({ dir });
    const admin = await Account.setup(gateway.url);
    await admin.channel({ base_url: mock.url, models: `${model},gpt-image-1,tts-1` });
    ({ key } = await admin.token());
    initial = await admin.balance();
  });
  after(async () => {
    await gateway?.stop();
    await mock?.stop();
    if (dir) removeDir(dir);
  });

  const ask = (directive, stream, onData) =>
    post(
      `${gateway.url}/v1/chat/completions`,
      key,
      { model, stream, messages: [{ role: "user", content: `[[mock ${directive}]]` }] },
      { onData },
    );

  async function restart() {
    gateway = await startGateway({ dir });
    return Account.login(gateway.url, rootName, rootPassword);
  }

  for (const [name, stream] of [
    ["B9 kill -9 as the client reads [DONE]: charged exactly once", true],
    ["B9 kill -9 as the client reads a plain answer: charged exactly once", false],
  ]) {
    it(name, async () => {
      for (let round = 0; round < 3; ++round) {
        const end = stream ? "[DONE]" : "fp_mock\"}";
        let killed;
        const answer = await ask(`usage=${200 + round}:20`, stream, (body) => {
          if (!killed && body.includes(end)) killed = gateway.kill();
        });
        assert.ok(killed, `the answer did not come: ${answer.status} ${answer.body}`);
        await killed;
        const admin = await restart();
        const row = await admin.row(answer.headers["x-oneapi-request-id"]);
        assert.equal(row.rows, 1);
        assert.equal(row.quota, quota({ prompt: 200 + round, completion: 20 }, ratios[model]));
        const rows = await admin.consumeRows();
        assert.equal(initial - (await admin.balance()), rows.reduce((sum, each) => sum + each.quota, 0));
      }
    });
  }

  it("B9 kill -9 as the client reads the last event of a picture: charged exactly once", async () => {
    let killed;
    const body = { model: "gpt-image-1", stream: true, prompt: "[[mock chunks=2 usage=1000:4160 image_tokens=800]]" };
    const answer = await post(`${gateway.url}/v1/images/generations`, key, body, {
      onData: (read) => {
        if (!killed && read.includes("image_generation.completed")) killed = gateway.kill();
      },
    });
    assert.ok(killed, "the picture did not come");
    await killed;
    const row = await (await restart()).row(answer.headers["x-oneapi-request-id"]);
    assert.deepEqual([row.rows, row.quota], [1, 87_700]);
  });

  it("B9 kill -9 as the client has the whole audio: charged exactly once", async () => {
    const input = "[[mock audio_ms=7200]]".padEnd(120, "x");
    const answer = await post(`${gateway.url}/v1/audio/speech`, key, { model: "tts-1", input });
    assert.ok(answer.ended);
    await gateway.kill();
    const row = await (await restart()).row(answer.headers["x-oneapi-request-id"]);
    assert.deepEqual([row.rows, row.quota, row.completion_tokens], [1, 900, 133]);
  });

  it("B1 kill -9 in the middle of audio: what came is charged after the restart", async () => {
    const input = "[[mock audio_ms=240000 chunks=1000 delay_ms=10]]".padEnd(120, "x");
    let killed;
    const begun = Date.now();
    const answer = await post(`${gateway.url}/v1/audio/speech`, key, { model: "tts-1", input }, {
      onData: () => {
        if (!killed && Date.now() - begun > 2600) killed = gateway.kill();
      },
    });
    assert.ok(killed, "the audio ended before it could be cut");
    await killed;
    const row = await (await restart()).row(answer.headers["x-oneapi-request-id"]);
    const other = JSON.parse(row.other);
    assert.deepEqual([row.rows, row.prompt_tokens, row.quota], [1, 120, 900]);
    assert.ok(row.completion_tokens > 0 && row.completion_tokens < 4000, `${row.completion_tokens}`);
    assert.deepEqual([other.recovered, other.settled_by, other.end], [true, "counted", "gateway_shutdown"]);
  });

  it("B9 kill -9 among twenty streams: each answer that was read is charged once, the rest adds up", async () => {
    let killed;
    let read = 0;
    const answers = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) =>
        ask(`usage=${300 + i}:30 chunks=5 delay_ms=${i}`, true, (body, request) => {
          if (request.seen || !body.includes("[DONE]")) return;
          request.seen = true;
          if (++read === 8) killed = gateway.kill();
        }),
      ),
    );
    assert.ok(killed, "no eight answers came");
    await killed;
    const admin = await restart();
    const whole = answers
      .map((answer, i) => ({ ...answer.value, i }))
      .filter((answer) => answer.body?.includes("[DONE]"));
    assert.ok(whole.length >= 8);
    for (const { headers, i } of whole) {
      const row = await admin.row(headers["x-oneapi-request-id"]);
      assert.equal(row.rows, 1);
      assert.equal(row.quota, quota({ prompt: 300 + i, completion: 30 }, ratios[model]));
    }
    await eventually(async () => {
      const rows = await admin.consumeRows();
      return initial - (await admin.balance()) === rows.reduce((sum, row) => sum + row.quota, 0);
    }, "the rows are the fall of the balance");
  });

  it("B1 kill -9 in the middle of a long stream: what came is charged after the restart, between prompt and prompt + sent", async () => {
    let killed;
    const begun = Date.now();
    const answer = await ask("usage=none chunks=400 delay_ms=10 size=8", true, (body, request) => {
      if (killed || Date.now() - begun < 2600) return;
      request.seen = body.length;
      killed = gateway.kill();
    }).catch((error) => error);
    assert.ok(killed, "the stream ended before it could be cut");
    await killed;
    const admin = await restart();
    const id = answer.headers?.["x-oneapi-request-id"];
    assert.ok(id, "the head of the stream had come");
    const row = await admin.row(id);
    const other = JSON.parse(row.other);
    assert.equal(row.rows, 1);
    assert.equal(other.recovered, true);
    assert.equal(other.settled_by, "counted");
    assert.equal(other.end, "gateway_shutdown");
    assert.ok(row.prompt_tokens > 0);
    assert.ok(row.completion_tokens > 0 && row.completion_tokens <= 400 * 8, `${row.completion_tokens} tokens`);
    assert.equal(row.quota, quota({ prompt: row.prompt_tokens, completion: row.completion_tokens }, ratios[model]));
    await eventually(async () => {
      const rows = await admin.consumeRows();
      return initial - (await admin.balance()) === rows.reduce((sum, each) => sum + each.quota, 0);
    }, "the rows are the fall of the balance");
  });
});
