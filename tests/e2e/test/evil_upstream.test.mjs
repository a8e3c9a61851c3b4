// Providers that lie: the client gets its error or its answer within the limit, nothing or the right amount is charged,
// the next request works, and memory stays bounded.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { startAll } from "../lib/gateway.mjs";
import { residentBytes } from "../lib/process.mjs";
import { quota, ratios } from "../lib/price.mjs";
import { payloads, post } from "../lib/raw.mjs";

const model = "gpt-4o-mini";
const sanitized = /asan|tsan/.test(process.env.TOLLGATE_BUILD ?? ""); // they keep what was freed

describe("evil upstream", { timeout: 300_000 }, () => {
  let all, key;
  before(async () => {
    all = await startAll({
      models: model,
      env: { TOLLGATE_FIRST_BYTE_TIMEOUT: "2s", STREAMING_TIMEOUT: "2", RELAY_TIMEOUT: "4", TOLLGATE_MAX_ANSWER_MB: "8" },
    });
    key = (await all.admin.token()).key;
  });
  after(() => all?.stop());

  const ask = (directive, more = {}) =>
    post(`${all.gateway.url}/v1/chat/completions`, key, {
      model,
      messages: [{ role: "user", content: `[[mock ${directive}]]` }],
      ...more,
    });
  const rowOf = (answer) => all.admin.row(answer.headers["x-oneapi-request-id"]);
  const total = async () => (await all.admin.consumeRows()).length;

  /** What every behaviour leaves behind: a gateway that serves the next request on a clean connection. */
  async function works() {
    const next = await ask("usage=11:7");
    assert.equal(next.status, 200);
    assert.equal(JSON.parse(next.body).usage.total_tokens, 18);
    const row = await rowOf(next);
    assert.equal(row.quota, quota({ prompt: 11, completion: 7 }, ratios[model]));
  }

  for (const [what, directive, status, code] of [
    ["a redirect, which is not followed", "redirect", 302, "bad_response_status_code"],
    ["a head without end", "endless_head", 500, "do_request_failed"],
    ["101 unasked", "switch_protocols", 500, "do_request_failed"],
    ["interim answers only", "interim=9", 500, "do_request_failed"],
    ["silence instead of a head", "stall_head", 500, "do_request_failed"],
    ["a byte a second", "split=1 delay_ms=1000", 500, "do_request_failed"],
    ["a body without end", "endless_body", 500, "read_response_body_failed"],
    ["an error body without end", "endless_body status=500", 500, "bad_response_status_code"],
    ["a gzip bomb that nobody asked for", "gzip_bomb", 500, "bad_response_body"],
    ["a page with 200", "html200", 500, "bad_response_body"],
    ["a close in the head", "close_at=20", 500, "do_request_failed"],
    ["a close before the head", "close_at=0", 500, "do_request_failed"],
    ["a close in the body", "close_at=200", 500, "read_response_body_failed"],
    ["a length that lies", "lie_length", 500, "read_response_body_failed"],
  ])
    it(`plain: ${what}`, async () => {
      const rows = await total();
      const balance = await all.admin.balance();
      const answer = await ask(directive);
      assert.equal(answer.status, status, answer.body.toString());
      assert.equal(JSON.parse(answer.body).error.code, code);
      assert.equal(await all.admin.balance(), balance);
      assert.equal(await total(), rows);
      await works();
    });

  for (const [what, directive] of [
    ["both framings", "te_and_length"],
    ["bytes behind the answer", "trailing=100"],
    ["several interim answers", "interim=3"],
    ["another content type", "content_type=text/plain"],
  ])
    it(`plain: ${what} is the answer all the same`, async () => {
      const answer = await ask(`${directive} usage=10:20`);
      assert.equal(answer.status, 200, answer.body.toString());
      assert.equal((await rowOf(answer)).completion_tokens, 20);
      await works();
    });

  it("plain: a figure that no number holds makes the answer unreadable, and costs nothing", async () => {
    const balance = await all.admin.balance();
    const answer = await ask("odd_usage=beyond");
    assert.equal(JSON.parse(answer.body).error.code, "bad_response_body");
    assert.equal(await all.admin.balance(), balance);
    await works();
  });

  for (const odd of ["negative", "huge", "beyond", "fraction", "text", "total"])
    for (const stream of odd === "beyond" ? [true] : [false, true])
      it(`B7 ${odd} usage ${stream ? "in a stream" : "plain"}: our own count is charged`, async () => {
        const balance = await all.admin.balance();
        const answer = await ask(`odd_usage=${odd}`, { stream });
        assert.equal(answer.status, 200);
        const row = await rowOf(answer);
        const other = JSON.parse(row.other);
        assert.equal(other.settled_by, "counted");
        assert.equal(other.usage_refused, true);
        assert.ok(row.prompt_tokens > 0 && row.prompt_tokens < 100, `prompt ${row.prompt_tokens}`);
        assert.ok(row.completion_tokens > 0 && row.completion_tokens < 100, `completion ${row.completion_tokens}`);
        assert.equal(
          row.quota,
          quota({ prompt: row.prompt_tokens, completion: row.completion_tokens }, ratios[model]),
        );
        assert.equal(balance - (await all.admin.balance()), row.quota);
        await works();
      });

  for (const [what, directive] of [
    ["each event twice", "twice"],
    ["lines that end in every way", "mixed_ends"],
    ["bytes that are no UTF-8", "bad_utf8 chunks=9"],
    ["both framings", "te_and_length"],
    ["bytes behind the answer", "trailing=100"],
    ["several interim answers", "interim=3"],
  ])
    it(`stream: ${what} passes and costs what the usage says`, async () => {
      const answer = await ask(`${directive} usage=10:20`, { stream: true });
      assert.equal(answer.status, 200);
      assert.equal(payloads(answer.body).at(-1).toString(), "[DONE]");
      assert.equal((await rowOf(answer)).completion_tokens, 20);
      await works();
    });

  it("stream: bytes that are no UTF-8 are counted", async () => {
    const answer = await ask("bad_utf8 usage=none chunks=20 size=45", { stream: true });
    const row = await rowOf(answer);
    assert.ok(row.completion_tokens > 100, `completion ${row.completion_tokens}`);
  });

  for (const [what, directive, status] of [
    ["a page with 200", "html200", 500],
    ["comments without end", "endless_body", 500],
  ])
    it(`stream: ${what} is an error`, async () => {
      const balance = await all.admin.balance();
      const answer = await ask(directive, { stream: true });
      assert.ok(answer.status === status || answer.body.includes('"error"'), `${answer.status} ${answer.body}`);
      assert.ok(!answer.body.includes("[DONE]"));
      assert.equal(await all.admin.balance(), balance);
      await works();
    });

  it("S1 stream: a close in the middle is an error event, not an end", async () => {
    const answer = await ask("close_at=900", { stream: true });
    assert.ok(answer.body.includes('"upstream_reset"'), answer.body.toString());
    assert.ok(!answer.body.includes("[DONE]"));
    await works();
  });

  it("stream: a line of 63 MB passes, one of 70 MB is an error; the memory is given back", async (t) => {
    // Its own gateway: such lines take longer than the limits of the others.
    const outer = [all, key];
    t.after(async () => {
      await all.stop();
      [all, key] = outer;
    });
    all = await startAll({ models: model });
    key = (await all.admin.token()).key;
    const before = residentBytes(all.gateway.pid);
    const passed = await ask("huge_line_mb=63 usage=10:20", { stream: true });
    assert.equal(payloads(passed.body).at(-1).toString(), "[DONE]");
    const refused = await ask("huge_line_mb=70 usage=10:20", { stream: true });
    assert.ok(refused.body.includes('"error"'), refused.body.toString("latin1", 0, 300));
    assert.ok(!refused.body.includes("[DONE]"));
    await works();
    const grown = residentBytes(all.gateway.pid) - before;
    assert.ok(sanitized || grown < 400 << 20, `grew by ${grown >> 20} MiB`);
  });

  it("memory stayed bounded", () => {
    assert.ok(sanitized || residentBytes(all.gateway.pid) < 600 << 20);
  });
});
