// GET /v1/realtime: sessions over WebSockets, what they cost, and every way they end (docs/realtime.md).
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { Account, eventually, startGateway, upstreamKey } from "../lib/gateway.mjs";
import { connect } from "../lib/realtime_client.mjs";
import { audioDelta, done, startRealtimeServer, textDelta, usageOf } from "../lib/realtime_server.mjs";

const preview = "gpt-4o-realtime-preview"; // 2.5, completion 4, audio 8, audio completion 1
const ga = "gpt-realtime"; // without a price of its own: 37.5
const cost = (textIn, audioIn, textOut, audioOut) => (textIn + textOut * 4 + audioIn * 8 + audioOut * 8) * 2.5;

let up, gateway, admin, key, channel;
before(async () => {
  up = await startRealtimeServer();
  gateway = await startGateway({ env: { TOLLGATE_REALTIME_SETTLE: "1s" } });
  admin = await Account.setup(gateway.url);
  await admin.channel({ base_url: up.url, models: `${preview},${ga},mapped-realtime,priced-realtime`, model_mapping: '{"mapped-realtime":"gpt-4o-realtime-preview"}' });
  await admin.option("ModelPrice", JSON.stringify({ "priced-realtime": 2 }));
  await admin.option("ModelRatio", JSON.stringify({ [preview]: 2.5, "mapped-realtime": 2.5, "priced-realtime": 3 }));
  key = (await admin.token()).key;
});
beforeEach(() => up.reset());
after(async () => {
  await gateway?.stop();
  await up?.stop();
});

const upgrade = async (model = preview, options) => connect(gateway.url, model, options?.key ?? key, options).opened();
/** A session that has reached the upstream. */
async function open(model, options) {
  const session = await upgrade(model, options);
  await session.event("session.created");
  return session;
}
/** Runs `act`, then says what it cost by the balance and by its one row. */
async function charged(act) {
  const before = await admin.balance();
  const session = await act();
  const row = await admin.row(session.requestId);
  assert.equal(row.rows, 1);
  assert.equal(before - (await admin.balance()), row.quota, "the row is the fall of the balance");
  return { quota: row.quota, row, other: JSON.parse(row.other), session };
}

describe("a session", () => {
  test("passes events both ways as they came and is charged by the usage of its response", async () => {
    const got = await charged(async () => {
      const session = await open();
      session.send('{"type":"conversation.item.create",  "item":{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"}]}}');
      session.respond();
      await session.event("response.done");
      const end = await session.close();
      assert.equal(end.code, 1000);
      return session;
    });
    assert.deepEqual(up.heard.map((event) => event.type), ["conversation.item.create", "response.create"]);
    assert.deepEqual(got.session.events.map((event) => event.type), ["session.created", "response.created", "response.output_text.delta", "response.output_text.delta", "response.done"]);
    assert.equal(got.quota, Math.round(cost(12, 0, 3, 0)));
    assert.equal(got.row.model_name, preview);
    assert.equal(got.row.prompt_tokens, 12);
    assert.equal(got.row.completion_tokens, 3);
    assert.equal(got.row.is_stream, false);
    const { other } = got;
    assert.equal(other.ws, true);
    assert.equal(other.settled_by, "upstream");
    assert.equal(other.end, "finished");
    assert.deepEqual(other.request_conversion, ["openai_realtime"]);
    assert.deepEqual([other.text_input, other.text_output, other.audio_input, other.audio_output, other.audio_ratio, other.audio_completion_ratio], [12, 3, 0, 0, 8, 1]);
    await eventually(() => up.sessions[0].closed, "the upstream's side is closed");
  });

  test("of audio costs what example 16 says, and nothing of the first reservation is kept (Q20)", async () => {
    up.rule.script = (event) => (event.type === "response.create" ? [audioDelta(4800), done(usageOf(50, 300, 20, 150))] : []);
    const got = await charged(async () => {
      const session = await open();
      session.send({ type: "input_audio_buffer.append", audio: Buffer.alloc(48_000).toString("base64") });
      session.respond();
      await session.event("response.done");
      await session.close();
      return session;
    });
    assert.equal(got.quota, 9325);
    assert.deepEqual(got.other.kinds, { input: 50, audio_input: 300, output: 20, audio_output: 150 });
  });

  test("D-10 of several responses is rounded once, and each is charged before its client sees it done", async () => {
    up.rule.script = (event) => (event.type === "response.create" ? [done(usageOf(1, 0, 0, 0))] : []); // 2.5 each
    const before = await admin.balance();
    const got = await charged(async () => {
      const session = await open();
      for (let n = 1; n <= 3; ++n) {
        session.respond();
        await session.event("response.done", n);
        // 3, 5 and 8: 2.5, 5 and 7.5 rounded half away from zero.
        assert.equal(before - (await admin.balance()), Math.round(2.5 * n));
      }
      await session.close();
      return session;
    });
    assert.equal(got.quota, 8);
    const { used_quota, request_count } = await admin.call("GET", "/api/user/self");
    assert.ok(used_quota > 0 && request_count > 0);
  });

  test("counts as one request, whatever the number of its charges", async () => {
    const before = await admin.call("GET", "/api/user/self");
    const got = await charged(async () => {
      const session = await open();
      session.respond();
      await session.event("response.done");
      session.respond();
      await session.event("response.done", 2);
      await session.close();
      return session;
    });
    const now = await admin.call("GET", "/api/user/self");
    assert.equal(now.request_count - before.request_count, 1);
    assert.equal(now.used_quota - before.used_quota, got.quota);
  });

  test("T-30 whose response reports no usage is counted, cancelled ones too", async () => {
    up.rule.script = (event) => (event.type === "response.create" ? [audioDelta(48_000), textDelta("hello world"), done(null, "cancelled")] : []);
    const got = await charged(async () => {
      const session = await open();
      session.send({ type: "input_audio_buffer.append", audio: Buffer.alloc(172_800).toString("base64") }); // 3.6 s
      session.respond();
      await session.event("response.done");
      await session.close();
      return session;
    });
    assert.equal(got.other.settled_by, "counted");
    // 100 tokens in 3.6 s of input, 13 in 1 s of output, "hello world": 2 × 1.02 + 0.42 tokens, rounded up.
    assert.deepEqual([got.other.audio_input, got.other.audio_output, got.other.text_input, got.other.text_output], [100, 13, 0, 3]);
    assert.equal(got.quota, Math.round(cost(0, 100, 3, 13)));
  });

  test("SEC-77 that sends silence and leaves is charged for what it sent", async () => {
    up.rule.script = () => [];
    const got = await charged(async () => {
      const session = await open();
      session.send({ type: "input_audio_buffer.append", audio: Buffer.alloc(172_800).toString("base64") });
      await eventually(() => up.heard.length === 1, "the upstream has the audio");
      session.socket.terminate();
      return session;
    });
    assert.equal(got.quota, cost(0, 100, 0, 0));
    assert.equal(got.other.end, "client_gone");
  });

  test("B12 without a response is charged between, and what was counted ahead of a smaller report is given back", async () => {
    const before = await admin.balance();
    const got = await charged(async () => {
      const session = await open();
      session.send({ type: "input_audio_buffer.append", audio: Buffer.alloc(172_800).toString("base64") });
      await eventually(async () => before - (await admin.balance()) === 2000, "the second's charge is in the balance");
      session.respond();
      await session.event("response.done");
      assert.equal(before - (await admin.balance()), Math.round(cost(12, 0, 3, 0)));
      await session.close();
      return session;
    });
    assert.equal(got.quota, Math.round(cost(12, 0, 3, 0)));
    assert.equal(got.other.settled_by, "upstream");
  });

  test("has the model that the channel maps to, in the upstream's address and in its row", async () => {
    const got = await charged(async () => {
      const session = await open("mapped-realtime", { query: "&intent=x%2Fy" });
      session.respond();
      await session.event("response.done");
      await session.close();
      return session;
    });
    assert.equal(up.handshakes[0].path, "/v1/realtime?model=gpt-4o-realtime-preview&intent=x%2Fy");
    assert.equal(got.row.model_name, preview);
    assert.equal(got.other.upstream_model_name, preview);
  });

  test("of a model with a price a call is charged by its ratios", async () => {
    const got = await charged(async () => {
      const session = await open("priced-realtime");
      session.respond();
      await session.event("response.done");
      await session.close();
      return session;
    });
    assert.equal(got.quota, (12 + 3) * 3);
    assert.equal(got.other.model_price, -1);
  });

  test("costs what the group costs when a response ends", async () => {
    up.rule.script = (event) => (event.type === "response.create" ? [done(usageOf(50, 300, 20, 150))] : []);
    const got = await charged(async () => {
      const session = await open();
      session.respond();
      await session.event("response.done");
      await admin.option("GroupRatio", '{"default":2}');
      session.respond();
      await session.event("response.done", 2);
      session.respond();
      await session.event("response.done", 3);
      await session.close();
      await admin.option("GroupRatio", '{"default":1}');
      return session;
    });
    assert.equal(got.quota, 9325 + 2 * 9325 + 2 * 9325);
    assert.equal(got.other.group_ratio, 2);
  });

  test("takes events of megabytes, and binary ones, both ways", async () => {
    up.rule.script = (event) => (event.type === "input_audio_buffer.append" ? [audioDelta(3 << 20)] : []);
    const session = await open();
    session.send({ type: "input_audio_buffer.append", audio: Buffer.alloc(5 << 20).toString("base64") });
    const event = await session.event("response.output_audio.delta");
    assert.equal(event.delta.length, ((3 << 20) / 3) * 4);
    assert.equal(up.heard[0].audio.length, Buffer.alloc(5 << 20).toString("base64").length);
    session.socket.send(Buffer.alloc(100));
    await eventually(() => up.heard.length === 2, "the binary message is there");
    assert.deepEqual(up.heard[1], { type: "binary", size: 100 });
    await session.close();
  });
});

describe("the handshake", () => {
  test("of a browser carries the key in its protocol; only realtime is echoed", async () => {
    const session = await open(preview, { protocols: ["realtime", `openai-insecure-api-key.${key}`, "openai-beta.realtime-v1"] });
    assert.equal(session.protocol, "realtime");
    const { headers } = up.handshakes[0];
    assert.equal(headers["sec-websocket-protocol"], `realtime,openai-insecure-api-key.${upstreamKey},openai-beta.realtime-v1`);
    assert.equal(headers.authorization, undefined);
    assert.equal(headers["openai-beta"], undefined);
    await session.close();
  });

  test("with a header sends the key in a header, and the beta only where it belongs", async () => {
    await (await open()).close();
    assert.equal(up.handshakes[0].headers.authorization, `Bearer ${upstreamKey}`);
    assert.equal(up.handshakes[0].headers["openai-beta"], "realtime=v1");
    assert.equal(up.handshakes[0].headers["sec-websocket-extensions"], undefined);
    await (await open(ga)).close();
    assert.equal(up.handshakes[1].headers["openai-beta"], undefined);
    await (await open(ga, { headers: { "OpenAI-Beta": "realtime=v1" } })).close();
    assert.equal(up.handshakes[2].headers["openai-beta"], "realtime=v1");
  });

  test("REQ-CL-26 without an upgrade is answered 426 with the lines that the proxy needs", async () => {
    const answer = await fetch(`${gateway.url}/v1/realtime?model=${preview}`);
    assert.equal(answer.status, 426);
    assert.equal(answer.headers.get("upgrade"), "websocket");
    const { error } = await answer.json();
    assert.match(error.message, /proxy_set_header Upgrade \$http_upgrade/);
    assert.equal(error.code, "upgrade_required");
  });

  test("with a wrong key is refused in the shape of errors, before the upgrade", async () => {
    const refused = await connect(gateway.url, preview, "sk-nobody").refusal();
    assert.equal(refused.status, 401);
    assert.match(refused.body.error.message, /无效的令牌 \(request id: /);
    assert.equal(refused.body.error.type, "new_api_error");
    assert.equal(up.handshakes.length, 0);
  });

  test("for a model that nobody serves, or for none, is refused before the upgrade", async () => {
    assert.equal((await connect(gateway.url, "no-such-model", key).refusal()).status, 503);
    assert.equal((await connect(gateway.url, "", key).refusal()).status, 400);
  });

  test("S2 that an upstream refuses is tried elsewhere; the last error is an event, and nothing is charged", async () => {
    up.rule.refuse = (n) => (n === 1 ? { status: 429 } : undefined);
    await admin.option("RetryTimes", "1");
    await (await open()).close();
    assert.equal(up.handshakes.length, 2);
    up.reset();
    up.rule.refuse = () => ({ status: 429 });
    const before = await admin.balance();
    const refused = await upgrade();
    const event = await refused.event("error");
    assert.deepEqual(event, {
      event_id: `evt_${refused.requestId}`,
      type: "error",
      error: { message: "slow down", type: "rate_limit_error", param: "", code: "rate_limited" },
    });
    assert.equal((await refused.end()).code, 1008);
    assert.equal(up.handshakes.length, 2);
    assert.equal(await admin.balance(), before);
    await admin.option("RetryTimes", "0");
  });

  test("that an upstream answers as it should not opens no session", async () => {
    for (const answer of [
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
    ]) {
      up.rule.answer = (socket) => socket.end(answer);
      const session = await upgrade();
      assert.equal((await session.event("error")).error.code, "bad_response");
      assert.equal((await session.end()).code, 1011);
    }
  });
});

describe("money", () => {
  test("that is not there is an error event after the upgrade", async () => {
    const poor = (await admin.token({ unlimited_quota: false, remain_quota: 100 })).key;
    const session = await upgrade(preview, { key: poor });
    assert.equal((await session.event("error")).error.code, "pre_consume_token_quota_failed");
    assert.equal((await session.end()).code, 1008);
    assert.equal(up.handshakes.length, 0);
  });

  test("B12 that runs out in a session ends it behind the response, without an error event", async () => {
    up.rule.script = (event) => (event.type === "response.create" ? [done(usageOf(50, 300, 20, 150))] : []);
    const poor = await admin.token({ unlimited_quota: false, remain_quota: 15_000 });
    const got = await charged(async () => {
      const session = await open(preview, { key: poor.key });
      session.respond();
      await session.event("response.done");
      session.respond();
      await session.event("response.done", 2);
      const end = await session.end();
      assert.equal(end.code, 1008);
      assert.equal(session.events.filter((event) => event.type === "error").length, 0);
      return session;
    });
    assert.equal(got.quota, 2 * 9325);
    assert.equal(got.other.end, "exhausted");
    await eventually(() => up.sessions[0].closed, "the upstream's side is closed");
  });

  test("B12 that runs out while only counted use grows ends the session too", async () => {
    up.rule.script = () => [];
    const poor = await admin.token({ unlimited_quota: false, remain_quota: 3000 });
    const got = await charged(async () => {
      const session = await open(preview, { key: poor.key });
      const second = JSON.stringify({ type: "input_audio_buffer.append", audio: Buffer.alloc(172_800).toString("base64") });
      while (!session.closed) {
        if (session.socket.readyState === 1) session.send(second);
        await new Promise((later) => setTimeout(later, 100));
      }
      assert.equal(session.closed.code, 1008);
      return session;
    });
    assert.equal(got.other.end, "exhausted");
    assert.ok(got.quota >= 2000);
  });

  test("B12 of a key that is switched off ends within one interval", async () => {
    const token = await admin.token();
    const session = await open(preview, { key: token.key });
    await admin.call("PUT", "/api/token/?status_only=true", { id: token.id, status: 2 });
    assert.equal((await session.end()).code, 1008);
    assert.equal(JSON.parse((await admin.row(session.requestId)).other).end, "revoked");
  });
});

describe("the end", () => {
  test("S1 of an upstream that breaks off is an error event and 1011; what came is charged", async () => {
    up.rule.script = (event, session) => {
      if (event.type !== "response.create") return [];
      session.send(JSON.stringify(textDelta("hello")), () => session.raw.destroy());
      return [];
    };
    const got = await charged(async () => {
      const session = await open();
      session.respond();
      assert.equal((await session.event("error")).error.code, "upstream_reset");
      assert.equal((await session.end()).code, 1011);
      return session;
    });
    assert.equal(got.other.end, "upstream_reset");
    assert.equal(got.other.text_output, 2);
    assert.equal(got.quota, 2 * 4 * 2.5);
  });

  test("of an upstream that sends frames of no WebSocket is the same", async () => {
    for (const bytes of [[0x81, 0x81, 1, 2, 3, 4, 5], [0xf1, 0], [0x83, 0], [0x81, 0x01, 0xff]]) {
      up.rule.script = (event, session) => {
        session.raw.write(Buffer.from(bytes));
        return [];
      };
      const session = await open();
      session.respond();
      assert.equal((await session.event("error")).error.code, "upstream_reset");
      assert.equal((await session.end()).code, 1011);
    }
  });

  test("that the upstream says goes to the client with its code, behind the charge", async () => {
    up.rule.script = (event, session) => {
      session.send(JSON.stringify(done(usageOf(12, 0, 3, 0))), () => session.close(3001, "session_expired"));
      return [];
    };
    const got = await charged(async () => {
      const session = await open();
      session.respond();
      assert.deepEqual(await session.end(), { code: 3001, reason: "session_expired" });
      return session;
    });
    assert.equal(got.quota, Math.round(cost(12, 0, 3, 0)));
  });

  test("that the client says waits for the usage that is still to come", async () => {
    // The provider hears the close frame, and says what the response used before its own.
    up.rule.script = (event, session) => {
      session._receiver.prependListener("conclude", () => session.send(JSON.stringify(done(usageOf(40, 0, 2, 0), "cancelled"))));
      return [textDelta("hello")];
    };
    const got = await charged(async () => {
      const session = await open();
      session.respond();
      await session.event("response.output_text.delta");
      assert.equal((await session.close()).code, 1000);
      return session;
    });
    assert.equal(got.quota, Math.round(cost(40, 0, 2, 0)));
    assert.equal(got.other.settled_by, "upstream");
  });

  test("of a client that asks for another model in the session comes before the upstream hears of it", async () => {
    const session = await open();
    session.send({ type: "session.update", session: { model: preview, instructions: "Be short." } });
    await eventually(() => up.heard.length === 1, "the model of the address may be repeated");
    session.send({ type: "session.update", session: { model: "gpt-realtime-dear" } });
    assert.equal((await session.event("error")).error.message.split(" (")[0], "the model of a session cannot change");
    assert.equal((await session.end()).code, 1008);
    assert.equal(up.heard.length, 1);
  });

  test("SEC-10 of a client that breaks the protocol has the code for it", async () => {
    const broken = async (act) => {
      const session = await open();
      act(session.socket._socket, session.socket);
      return (await session.end()).code;
    };
    assert.equal(await broken((raw) => raw.write(Buffer.from([0x81, 0x01, 0x61]))), 1002, "not masked");
    assert.equal(await broken((raw) => raw.write(Buffer.from([0xc1, 0x80, 0, 0, 0, 0]))), 1002, "reserved bit");
    assert.equal(await broken((raw) => raw.write(Buffer.from([0x09, 0x80, 0, 0, 0, 0]))), 1002, "ping in pieces");
    assert.equal(await broken((raw) => raw.write(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0xff]))), 1007, "no UTF-8");
    assert.equal(await broken((raw, socket) => socket.send("x".repeat(17 << 20))), 1009, "17 MiB");
    assert.equal(await broken((raw, socket) => { for (let i = 0; i < 100; ++i) socket.ping(); }), 1008, "ping flood");
  });

  test("of a slow client slows the upstream, and loses nothing", async () => {
    const pieces = 60;
    up.rule.script = (event) => (event.type === "response.create" ? [...Array(pieces).fill(audioDelta(1 << 20)), done(usageOf(1, 0, 0, 1))] : []);
    const session = await open();
    session.socket._socket.pause();
    session.respond();
    await eventually(() => up.sessions[0].bufferedAmount > 10 << 20, "the provider has to wait");
    session.socket._socket.resume();
    await session.event("response.done");
    assert.equal(session.events.filter((event) => event.type === "response.output_audio.delta").length, pieces);
    await session.close();
  });
});
