// What a request costs by the way it ends: one test a cell of the table in docs/billing.md. The upstream's end is set by
// the stand-in's directives, the client's by a socket of our own; every charge is computed apart from the gateway.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { holdWrites } from "../lib/databases.mjs";
import { Account, eventually, rootName, rootPassword, startGateway, startMock } from "../lib/gateway.mjs";
import { removeDir, tempDir } from "../lib/process.mjs";
import { mockText, prompt, quota, weigh } from "../lib/price.mjs";
import { RawClient, post } from "../lib/raw.mjs";

const adminToken = "a token for the operators";
const price = { model: "2.5", completion: "3" };
const size = 20; // bytes of content in an event
const nine = `chunks=9 size=${size}`; // events of content

/** A gateway with a channel for each setting, and what the cells are asserted with. */
class Bench {
  constructor(dir, env) {
    this.dir = dir;
    this.env = { TOLLGATE_ADMIN_TOKEN: adminToken, ERROR_LOG_ENABLED: "true", ...env };
    this.names = 0;
  }

  async start(mock) {
    this.mock = mock;
    this.gateway = await startGateway({ dir: this.dir, env: this.env });
    this.admin = await Account.setup(this.gateway.url);
    const models = { cancel: {}, drain: { on_disconnect: "drain" }, bills: { bills_after_cancel: true } };
    const table = (value) => JSON.stringify(Object.fromEntries(Object.keys(models).map((name) => [name, Number(value)])));
    await this.admin.option("ModelRatio", table(price.model));
    await this.admin.option("CompletionRatio", table(price.completion));
    for (const [name, tg] of Object.entries(models))
      await this.admin.channel({
        name,
        models: name,
        base_url: mock.url,
        setting: JSON.stringify({ tg: { ...tg, timeouts: { gap_s: 1, first_byte_s: 3 } } }),
      });
    this.initial = await this.admin.balance();
  }

  /** One request under a key of its own, by which its rows are found. */
  async cell(model, directive, { stream = true, more = {}, token = {} } = {}) {
    const name = `cell ${++this.names}`;
    const { key } = await this.admin.token({ name, ...token });
    const content = `${name} [[mock ${directive}]]`;
    const body = { model, stream, messages: [{ role: "user", content }], ...more };
    return { name, key, content, prompt: prompt(content), body };
  }
  open(cell, options) {
    return new RawClient(`${this.gateway.url}/v1/chat/completions`, cell.key, cell.body, options);
  }
  ask(cell) {
    return post(`${this.gateway.url}/v1/chat/completions`, cell.key, cell.body);
  }

  /** The upstream has the whole request of this cell. */
  reached(cell) {
    return eventually(async () => {
      const requests = await this.mock.requests();
      return requests.some((request) => request.body?.includes(JSON.stringify(cell.content).slice(1, -1)));
    }, "the request reaches the upstream");
  }
  async health() {
    const headers = { Authorization: `Bearer ${adminToken}` };
    return (await fetch(`${this.gateway.url}/-/health`, { headers })).json();
  }
  /** Nothing runs but this question, and no money is set aside. */
  idle() {
    return eventually(async () => {
      const { requests, wallets, keys } = await this.health();
      return requests === 1 && wallets.reserved === 0 && keys.reserved === 0;
    }, "nothing stays reserved");
  }
  async rows(cell) {
    return (await this.admin.consumeRows()).filter((row) => row.token_name === cell.name);
  }

  /** The one row of a cell says this, and the price is that of its counts. */
  async charged(cell, { prompt, completion, settled_by, end, time_limit }) {
    const [row] = await eventually(async () => {
      const rows = await this.rows(cell);
      return rows.length > 0 && rows;
    }, "the row");
    const other = JSON.parse(row.other);
    assert.deepEqual(
      { prompt: row.prompt_tokens, completion: row.completion_tokens, settled_by: other.settled_by, end: other.end, time_limit: other.time_limit },
      { prompt, completion, settled_by, end, time_limit },
    );
    assert.equal(row.quota, settled_by === "nothing" ? 0 : quota({ prompt, completion }, price));
    assert.equal(other.recovered, undefined);
    await this.idle();
    assert.equal((await this.rows(cell)).length, 1);
    return { row, other };
  }
  /** No row and no charge. */
  async free(cell) {
    await this.idle();
    assert.deepEqual(await this.rows(cell), []);
  }

  /** Σ rows = fall of the balance; each key has at most one row. */
  async adds() {
    await eventually(async () => {
      const rows = await this.admin.consumeRows();
      return this.initial - (await this.admin.balance()) === rows.reduce((sum, row) => sum + row.quota, 0);
    }, "the rows are the fall of the balance");
    const names = (await this.admin.consumeRows()).map((row) => row.token_name);
    assert.equal(new Set(names).size, names.length);
  }
}

describe("endings", { timeout: 240_000 }, () => {
  let mock, bench, dirs;
  before(async () => {
    dirs = [tempDir("endings"), tempDir("endings-bound")];
    mock = await startMock();
    bench = new Bench(dirs[0], { TOLLGATE_DISCONNECT_DRAIN: "2s,64KB" });
    await bench.start(mock);
  });
  after(async () => {
    await bench?.gateway?.stop();
    await mock?.stop();
    for (const dir of dirs) removeDir(dir);
  });

  describe("ended well", () => {
    for (const stream of [true, false]) {
      const kind = stream ? "stream" : "plain";
      it(`B1 ${kind}, with usage: the usage`, async () => {
        const cell = await bench.cell("cancel", "usage=100:50", { stream });
        assert.equal((await bench.ask(cell)).status, 200);
        await bench.charged(cell, { prompt: 100, completion: 50, settled_by: "upstream", end: "finished" });
      });
      it(`B1 ${kind}, without usage: estimate and count`, async () => {
        const cell = await bench.cell("cancel", `${nine} usage=none`, { stream });
        const answer = await bench.ask(cell);
        assert.equal(answer.status, 200);
        const completion = weigh(mockText(9 * size));
        await bench.charged(cell, { prompt: cell.prompt, completion, settled_by: "counted", end: "finished" });
        assert.match(String(answer.body), new RegExp(`"completion_tokens":${completion}\\b`));
      });
    }
  });

  describe("client gone before anything was sent", () => {
    it("B1 in the middle of its body: nothing, no row", async () => {
      const cell = await bench.cell("cancel", "usage=100:50");
      await mock.clear();
      const client = bench.open(cell, { send: 40 });
      await eventually(async () => (await bench.health()).requests === 2, "the request is being read");
      await client.cut();
      await bench.free(cell);
      assert.deepEqual(await mock.requests(), []);
    });

    it("B1 while it waits for a slice of the balance: nothing, the reservation is released", async () => {
      // A key with a limit has no slice yet; another writer holds the database, so that it is not given one.
      const cell = await bench.cell("drain", "usage=100:50", { token: { unlimited_quota: false, remain_quota: 1_000_000 } });
      await mock.clear();
      const release = await holdWrites(dirs[0]);
      const client = bench.open(cell);
      await eventually(async () => (await bench.health()).requests === 2, "the request is there");
      await client.cut();
      release();
      await bench.charged(cell, { prompt: 0, completion: 0, settled_by: "nothing", end: "client_gone" });
      assert.deepEqual(await mock.requests(), []);
    });
  });

  describe("client gone before the first upstream byte", () => {
    for (const stream of [true, false]) {
      const kind = stream ? "stream" : "plain";
      const leave = async (model, directive) => {
        const cell = await bench.cell(model, directive, { stream });
        const client = bench.open(cell);
        await bench.reached(cell);
        await client.cut();
        return cell;
      };
      it(`B1 B3 ${kind}, cancel: the upstream is cut, the prompt`, async () => {
        const before = (await mock.stats()).aborted;
        const cell = await leave("cancel", "stall_head");
        await bench.charged(cell, { prompt: cell.prompt, completion: 0, settled_by: "prompt", end: "client_gone" });
        await eventually(async () => (await mock.stats()).aborted === before + 1, "the upstream is cut");
      });
      it(`B1 B3 ${kind}, drain: the usage that comes later`, async () => {
        const cell = await leave("drain", "slow_head_ms=700 usage=100:50");
        await bench.charged(cell, { prompt: 100, completion: 50, settled_by: "upstream", end: "client_gone" });
      });
      it(`B1 ${kind}, drain, no usage: what came`, async () => {
        const cell = await leave("drain", `slow_head_ms=700 ${nine} usage=none`);
        const completion = weigh(mockText(9 * size));
        await bench.charged(cell, { prompt: cell.prompt, completion, settled_by: "counted", end: "client_gone" });
      });
      it(`B1 B3 ${kind}, drain, nothing comes within the bound: the prompt`, async () => {
        const cell = await leave("drain", "stall_head");
        await bench.charged(cell, { prompt: cell.prompt, completion: 0, settled_by: "prompt", end: "client_gone" });
      });
      it(`B1 ${kind}, drain, the upstream refuses: nothing, and no other attempt`, async () => {
        await bench.admin.option("RetryTimes", "2");
        await mock.clear();
        const cell = await leave("drain", "slow_head_ms=700 status=500");
        await bench.charged(cell, { prompt: 0, completion: 0, settled_by: "nothing", end: "client_gone" });
        assert.equal((await mock.requests()).length, 1);
        await bench.admin.option("RetryTimes", "0");
      });
      it(`B1 ${kind}, bills_after_cancel: the usage that comes later`, async () => {
        const cell = await leave("bills", "slow_head_ms=700 usage=100:50");
        await bench.charged(cell, { prompt: 100, completion: 50, settled_by: "upstream", end: "client_gone" });
      });
    }
  });

  describe("client gone in the middle", () => {
    const leave = async (model, directive, events) => {
      const cell = await bench.cell(model, directive);
      const client = bench.open(cell);
      await client.until(({ events: seen }) => seen >= events, `${events} events`);
      await client.cut();
      return cell;
    };
    for (const model of ["cancel", "bills"])
      it(`B1 B3 ${model}: the upstream is cut, prompt and what came`, async () => {
        const before = (await mock.stats()).aborted;
        const cell = await leave(model, `${nine} stall_after=3`, 3);
        const completion = weigh(mockText(3 * size));
        await bench.charged(cell, { prompt: cell.prompt, completion, settled_by: "counted", end: "client_gone" });
        await eventually(async () => (await mock.stats()).aborted === before + 1, "the upstream is cut");
      });
    it("B1 a running usage that is smaller than what came does not lower the charge", async () => {
      const cell = await leave("cancel", `${nine} stall_after=3 usage=90:2 usage_at=every`, 3);
      const completion = weigh(mockText(3 * size));
      await bench.charged(cell, { prompt: 90, completion, settled_by: "counted", end: "client_gone" });
    });
    it("B1 B3 drain: the usage at the end", async () => {
      const cell = await leave("drain", `${nine} delay_ms=80 usage=70:30`, 2);
      await bench.charged(cell, { prompt: 70, completion: 30, settled_by: "upstream", end: "client_gone" });
    });
    it("B1 B3 drain into its time: prompt and what came", async () => {
      const cell = await leave("drain", `chunks=400 size=${size} delay_ms=20`, 2);
      const { row, other } = await eventually(async () => {
        const [row] = await bench.rows(cell);
        return row && { row, other: JSON.parse(row.other) };
      }, "the row");
      assert.equal(other.settled_by, "counted");
      assert.equal(other.end, "client_gone");
      const events = Array.from({ length: 400 }, (_, n) => n + 1).find((n) => weigh(mockText(n * size)) === row.completion_tokens);
      assert.ok(events > 2 && events < 300, `${events} events in about two seconds`);
      assert.equal(row.quota, quota({ prompt: cell.prompt, completion: row.completion_tokens }, price));
      await bench.idle();
    });
    it("B1 B3 drain into its bytes: prompt and what came", async () => {
      const before = (await mock.stats()).aborted;
      const cell = await leave("drain", "chunks=2000 size=400 delay_ms=2", 2);
      const [row] = await eventually(async () => {
        const rows = await bench.rows(cell);
        return rows.length > 0 && rows;
      }, "the row");
      assert.equal(JSON.parse(row.other).settled_by, "counted");
      const events = Array.from({ length: 2000 }, (_, n) => n + 1).find((n) => weigh(mockText(n * 400)) === row.completion_tokens);
      // An event is some 600 bytes: 64 KB are a hundred of them, and one read more may lie behind the bound.
      assert.ok(events > 80 && events < 350, `${events} events`);
      assert.equal(row.quota, quota({ prompt: cell.prompt, completion: row.completion_tokens }, price));
      await eventually(async () => (await mock.stats()).aborted === before + 1, "the upstream is cut");
      await bench.idle();
    });
    it("B1 drain, the upstream falls silent: prompt and what came", async () => {
      const cell = await leave("drain", `${nine} stall_after=3`, 3);
      const completion = weigh(mockText(3 * size));
      await bench.charged(cell, { prompt: cell.prompt, completion, settled_by: "counted", end: "client_gone" });
    });

    for (const model of ["cancel", "drain"])
      it(`B1 plain, ${model}: prompt and the part of the text that came`, async () => {
        const text = 90;
        const head = `{"id":"chatcmpl-mock","object":"chat.completion","created":1770000000,"model":"${model}","choices":[{"index":0,"message":{"role":"assistant","content":"`;
        const cell = await bench.cell(model, `chunks=30 size=20 stall_after=${head.length + text}`, { stream: false });
        const client = bench.open(cell);
        await bench.reached(cell);
        await client.cut();
        // The role stands among the strings, not among the text.
        const completion = weigh(mockText(text));
        await bench.charged(cell, { prompt: cell.prompt, completion, settled_by: "counted", end: "client_gone" });
      });
  });

  describe("client gone between the last content and the usage", () => {
    const leave = async (directive) => {
      const cell = await bench.cell("cancel", `chunks=3 size=${size} ${directive}`);
      const client = bench.open(cell);
      await client.until(({ text }) => text.includes('"finish_reason":"stop"'), "the finish reason");
      await client.cut();
      return cell;
    };
    it("B1 the usage comes within the five seconds: the usage", async () => {
      const cell = await leave("delay_ms=400 usage=70:30");
      await bench.charged(cell, { prompt: 70, completion: 30, settled_by: "upstream", end: "client_gone" });
    });
    it("B1 it does not come: prompt and count", async () => {
      const cell = await leave("stall_after=4");
      const completion = weigh(mockText(3 * size));
      await bench.charged(cell, { prompt: cell.prompt, completion, settled_by: "counted", end: "client_gone" });
    });
  });

  describe("the upstream fails before the first meaningful event", () => {
    before(() => bench.admin.option("RetryTimes", "1"));
    after(() => bench.admin.option("RetryTimes", "0"));
    for (const stream of [true, false])
      for (const [what, fault] of [
        ["refuses", "status=500"],
        ["resets before the head", "cut_head"],
        ["times out", "stall_head"],
        ["ends empty", "empty200"],
        ...(stream
          ? [
              ["errs", "error_after=0"],
              ["resets", "cut_after=0"],
              ["ends", "end_after=0"],
              ["sends comments only and falls silent", "comments=2 stall_after=0"],
            ]
          : [["is cut", "cut_after=20"]]),
      ])
        it(`B1 B5 ${stream ? "stream" : "plain"}: ${what}, twice: nothing, no row`, async () => {
          const cell = await bench.cell("cancel", fault, { stream });
          await mock.clear();
          const answer = await bench.ask(cell);
          assert.ok(answer.status >= 500, `status ${answer.status}`);
          assert.match(answer.headers["content-type"], /^application\/json/);
          // A reset may come from a connection that was closed while it lay idle: then the attempt is sent once more.
          const sent = (await mock.requests()).length;
          assert.ok(sent === 2 || (fault === "cut_head" && sent === 3), `sent ${sent} times`);
          await bench.free(cell);
        });

    it("B5 an empty answer that the upstream bills is a cost of its attempt, not of the client", async () => {
      const models = "twice";
      await bench.admin.option("ModelRatio", JSON.stringify({ cancel: 2.5, drain: 2.5, bills: 2.5, twice: 2.5 }));
      await bench.admin.option("CompletionRatio", JSON.stringify({ cancel: 3, drain: 3, bills: 3, twice: 3 }));
      await bench.admin.channel({ name: "empty", models, priority: 5, base_url: mock.base("chunks=0,no_finish,usage=40:2") });
      await bench.admin.channel({ name: "good", models, priority: 1, base_url: mock.base("usage=100:50") });
      const { key } = await bench.admin.token({ name: "cost" });
      const answer = await post(`${bench.gateway.url}/v1/chat/completions`, key, {
        model: "twice",
        stream: true,
        messages: [{ role: "user", content: "hi" }],
      });
      assert.match(String(answer.body), /\[DONE\]/);
      const { other } = await bench.charged({ name: "cost" }, { prompt: 100, completion: 50, settled_by: "upstream", end: "finished" });
      const [first, second] = other.admin_info.attempts;
      assert.equal(first.cost, quota({ prompt: 40, completion: 2 }, price));
      assert.equal(second.cost, undefined);
    });
  });

  describe("the upstream fails in the middle", () => {
    for (const [what, fault, end, time_limit] of [
      ["resets", "cut_after=3", "upstream_reset"],
      ["closes", "fin_after=3", "upstream_reset"],
      ["ends without a finish reason", "no_finish chunks=3 usage=none", "upstream_reset"],
      ["reports an error", "error_after=3", "upstream_error_event"],
      ["falls silent", "stall_after=3", "idle_timeout", "gap"],
    ]) {
      it(`B1 S1 S6 ${what}, with output: prompt and what came; an error event, no [DONE]`, async () => {
        const cell = await bench.cell("cancel", `${nine} ${fault}`);
        const answer = await bench.ask(cell);
        assert.equal(answer.status, 200);
        assert.match(String(answer.body), /data: \{"error":\{[^\n]*\n\n$/);
        assert.doesNotMatch(String(answer.body), /\[DONE\]/);
        const completion = weigh(mockText(3 * size));
        await bench.charged(cell, { prompt: cell.prompt, completion, settled_by: "counted", end, time_limit });
      });
    }
    for (const [what, fault, end, time_limit] of [
      ["resets", "cut_after=1", "upstream_reset"],
      ["reports an error", "error_after=1", "upstream_error_event"],
      ["falls silent", "stall_after=1", "idle_timeout", "gap"],
    ])
      it(`B1 S1 S6 ${what}, after a finish reason and no output: nothing`, async () => {
        const cell = await bench.cell("cancel", `chunks=0 ${fault}`);
        const answer = await bench.ask(cell);
        assert.match(String(answer.body), /data: \{"error":\{[^\n]*\n\n$/);
        assert.doesNotMatch(String(answer.body), /\[DONE\]/);
        await bench.charged(cell, { prompt: 0, completion: 0, settled_by: "nothing", end, time_limit });
      });
  });

  it("B9 after all of it, the rows are the fall of the balance", () => bench.adds());

  describe("with TOLLGATE_ABANDON_CHARGE=bound, and at the end of the gateway", () => {
    let bound;
    before(async () => {
      bound = new Bench(dirs[1], { TOLLGATE_ABANDON_CHARGE: "bound", TOLLGATE_DRAIN_TIMEOUT: "3s" });
      await bound.start(mock);
    });
    after(() => bound?.gateway?.stop());

    for (const stream of [true, false]) {
      it(`B1 ${stream ? "stream" : "plain"}, client gone before the first upstream byte: prompt and output limit`, async () => {
        const cell = await bound.cell("cancel", "stall_head", { stream, more: { max_tokens: 40 } });
        const client = bound.open(cell);
        await bound.reached(cell);
        await client.cut();
        await bound.charged(cell, { prompt: cell.prompt, completion: 40, settled_by: "prompt", end: "client_gone" });
      });
    }
    it("B1 in the middle it is what came, as ever", async () => {
      const cell = await bound.cell("cancel", `${nine} stall_after=2`, { more: { max_tokens: 40 } });
      const client = bound.open(cell);
      await client.until(({ events }) => events === 2);
      await client.cut();
      const completion = weigh(mockText(2 * size));
      await bound.charged(cell, { prompt: cell.prompt, completion, settled_by: "counted", end: "client_gone" });
    });

    it("B1 S6 SIGTERM and the drain time is over: what came, an error event; what was read on ends too", async () => {
      const silent = await bound.cell("cancel", `${nine} stall_after=3`);
      const busy = await bound.cell("cancel", `chunks=2000 size=${size} delay_ms=10`);
      const waiting = await bound.cell("cancel", "stall_head", { stream: false });
      const left = await bound.cell("drain", `chunks=2000 size=${size} delay_ms=10`);
      const blocked = await bound.cell("cancel", "chunks=8000 size=4000");
      // Silence longer than the gap would end it first.
      for (const [name, id] of await channels(bound.admin))
        await bound.admin.call("PUT", "/api/channel/", { id, setting: JSON.stringify({ tg: name === "drain" ? { on_disconnect: "drain" } : {} }) });
      const clients = Object.fromEntries(
        Object.entries({ silent, busy, waiting, left, blocked }).map(([name, cell]) => [name, bound.open(cell)]),
      );
      await clients.silent.until(({ events }) => events === 3);
      await clients.busy.until(({ events }) => events > 3);
      await clients.left.until(({ events }) => events > 3);
      await clients.left.cut();
      await clients.blocked.until(({ events }) => events > 3);
      clients.blocked.socket.pause(); // far more is on its way than the sockets between hold
      await bound.reached(waiting);
      await bound.gateway.stop();
      await Promise.all([clients.silent.closed, clients.busy.closed, clients.waiting.closed]);
      for (const client of [clients.silent, clients.busy]) {
        assert.match(client.text, /data: \{"error":\{[^\n]*"server_restart"[^\n]*\n\n\r\n0\r\n\r\n$/);
        assert.doesNotMatch(client.text, /\[DONE\]/);
      }
      assert.equal(clients.waiting.status, 503);
      assert.match(clients.waiting.text, /"server_restart"/);

      bound.gateway = await startGateway({ dir: dirs[1], env: bound.env });
      bound.admin = await Account.login(bound.gateway.url, rootName, rootPassword);
      await bound.charged(silent, {
        prompt: silent.prompt,
        completion: weigh(mockText(3 * size)),
        settled_by: "counted",
        end: "gateway_shutdown",
      });
      for (const [cell, end, seen] of [
        [busy, "gateway_shutdown", clients.busy.events - 1],
        [left, "client_gone", clients.left.events],
      ]) {
        const [row] = await bound.rows(cell);
        const other = JSON.parse(row.other);
        assert.deepEqual([other.settled_by, other.end, other.recovered], ["counted", end, undefined]);
        const events = Array.from({ length: 2000 }, (_, n) => n + 1).find((n) => weigh(mockText(n * size)) >= row.completion_tokens);
        assert.ok(events >= seen, `${events} charged, ${seen} seen`);
        assert.equal(row.quota, quota({ prompt: cell.prompt, completion: weigh(mockText(events * size)) }, price));
      }
      const [row] = await bound.rows(blocked);
      const other = JSON.parse(row.other);
      assert.deepEqual([other.settled_by, other.end, other.recovered], ["counted", "gateway_shutdown", undefined]);
      assert.equal(row.quota, quota({ prompt: blocked.prompt, completion: row.completion_tokens }, price));
      await clients.blocked.cut();
      await bound.free(waiting);
      await bound.adds();
    });
  });
});

async function channels(admin) {
  const { items } = await admin.call("GET", "/api/channel/?p=1&page_size=100");
  return items.map(({ name, id }) => [name, id]);
}
