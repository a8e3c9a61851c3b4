// Requests of every kind against a gateway that may die at any moment, and what each of them may cost then.
import assert from "node:assert/strict";
import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { quota, ratios } from "../e2e/lib/price.mjs";

export const model = "gpt-4o-mini";
export const price = (prompt, completion) => quota({ prompt, completion }, ratios[model]);

/** A generator of numbers that a seed repeats (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// Each request reports a prompt of its own size, so that its row is known by it even when its id never came back. It is
// above what we would estimate, and the completion above what we would count: an interrupted one costs at most as much
// as the whole.
const kPromptBase = 5000;
const kPrompts = 4000; // many more than are ever under way at once; more would cost more than the balance holds
const filler = "as many words as it takes to be worth a few units of quota ".repeat(30);
const kLeastPrompt = 300; // tokens that nobody would count fewer of
const kMostPrompt = 1000; // nor more

/** Ends what a failed test left running. */
export const stopLoads = () => Promise.all([...loads].map((load) => load.stop()));
const loads = new Set();

/** Clients that ask again and again until stop(); `asked` keeps what each saw. */
export class Load {
  constructor({ keys, chance = Math.random, cuts = 0, faults = 0, brief = false }) {
    this.keys = keys;
    this.chance = chance;
    this.cuts = cuts; // share of requests whose client hangs up somewhere
    this.faults = faults; // share of requests whose upstream fails somewhere
    this.brief = brief; // no long streams
    this.asked = [];
    this.url = undefined;
    this.running = [];
    this.stopping = false;
    loads.add(this);
  }

  begin(clients) {
    for (let i = 0; i < clients; ++i) this.running.push(this.client());
  }
  async stop() {
    this.stopping = true;
    await Promise.all(this.running);
    loads.delete(this);
  }

  /** So many requests in all, then the end. */
  async run(clients, count) {
    this.count = count;
    this.begin(clients);
    await Promise.all(this.running);
    await this.stop();
  }

  /** How the upstream of a request misbehaves. */
  fault(chunks) {
    const at = Math.floor(this.chance() * (chunks + 2));
    const bytes = Math.floor(this.chance() * 600);
    const kinds = [
      `cut_after=${at}`,
      `fin_after=${at}`,
      `end_after=${at}`,
      `error_after=${at}`,
      `cut_after=${bytes}`,
      "cut_head",
      "lie_length",
      "no_finish",
      "no_done",
      "empty200",
      "status=500",
      "status=429 retry_after=1",
      "status=502 body=html",
      `slow_head_ms=${bytes}`,
      `split=${1 + (bytes % 7)}`,
    ];
    return kinds[Math.floor(this.chance() * kinds.length)];
  }

  async client() {
    while (!this.stopping && !(this.asked.length >= this.count)) {
      const url = this.url;
      if (!url) {
        await sleep(20);
        continue;
      }
      const number = this.asked.length;
      const stream = this.chance() < 0.6;
      const long = !this.brief && stream && this.chance() < 0.3;
      const chunks = long ? 150 + Math.floor(this.chance() * 150) : 1 + Math.floor(this.chance() * 12);
      const one = { number, stream, prompt: kPromptBase + (number % kPrompts), completion: chunks * 20 + 7, whole: false };
      this.asked.push(one);
      const pace = long ? 15 : Math.floor(this.chance() * 8);
      const fault = this.chance() < this.faults ? this.fault(chunks) : "";
      one.fault = fault !== "";
      one.sent = chunks * 16; // bytes, so at least as many as tokens
      const text = `[[mock ${fault} usage=${one.prompt}:${one.completion} chunks=${chunks} size=16 delay_ms=${pace}]] ${filler}`;
      const cut = this.chance() < this.cuts ? Math.floor(this.chance() * 2500) : Infinity;
      await this.ask(url, one, { model, stream, max_tokens: 7000, messages: [{ role: "user", content: text }] }, cut);
      if (one.refused) await sleep(5);
    }
  }

  ask(url, one, body, cut) {
    const key = this.keys[one.number % this.keys.length];
    one.began = performance.now();
    return new Promise((done) => {
      const request = http.request(`${url}/v1/chat/completions`, {
        method: "POST",
        agent: false,
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
      });
      const end = () => {
        clearTimeout(late);
        done();
      };
      const late = setTimeout(() => {
        one.hung = true;
        request.destroy();
      }, 60_000);
      request.on("error", (error) => {
        one.refused = error.code === "ECONNREFUSED";
        end();
      });
      request.on("response", (response) => {
        one.headAfter = performance.now() - one.began; // ms
        one.status = response.statusCode;
        one.id = response.headers["x-oneapi-request-id"];
        let text = "";
        response.setEncoding("latin1");
        response.on("data", (part) => {
          text += part;
          if (text.length < cut) return;
          one.cut = true;
          request.destroy();
        });
        response.on("error", end);
        response.on("end", () => {
          one.whole = one.status === 200 && (one.stream ? text.includes("data: [DONE]\n\n") : response.complete);
          if (one.status !== 200) one.error = text.slice(0, 300);
          end();
        });
      });
      request.end(JSON.stringify(body));
      if (cut < 400) setTimeout(() => request.destroy(), cut / 8); // perhaps before anything came back
    });
  }

  /**
   * Holds what was seen against the rows of the installation: whole → its exact price, once; begun and cut → at least
   * the prompt as we estimate it and at most the whole, or nothing; refused → nothing; and no row that nobody asked for.
   */
  verify(rows) {
    const byId = new Map();
    for (const row of rows) {
      assert.ok(!byId.has(row.request_id), `two rows for request ${row.request_id}`);
      byId.set(row.request_id, row);
    }
    const known = new Set(this.asked.map((one) => one.id).filter(Boolean));
    const strangers = rows.filter((row) => !known.has(row.request_id));
    const silent = new Map();
    for (const one of this.asked)
      if (!one.id && !one.refused) silent.set(one.prompt, [...(silent.get(one.prompt) ?? []), one]);
    const counts = { whole: 0, cut: 0, free: 0, unseen: 0 };
    for (const one of this.asked) {
      assert.notEqual(one.status, 403, `request ${one.number} was refused: ${one.error}`);
      assert.ok(!one.hung, `request ${one.number} neither ended nor broke off`);
      if (!one.id) continue;
      const row = byId.get(one.id);
      const most = price(one.prompt, one.completion);
      // An upstream that broke off behind its last content, and before its usage: whole, by our own count.
      const counted = one.fault && row && JSON.parse(row.other).settled_by === "counted";
      if (one.whole && !counted) {
        assert.ok(row, `request ${one.id} was answered whole and has no row`);
        assert.equal(row.quota, most, `request ${one.id} (${row.other})`);
        ++counts.whole;
      } else if (!row) {
        ++counts.free;
      } else if (one.status === 200) {
        // By the upstream's figures it is the whole; by our own count never more than the prompt and all that was sent.
        const bound = row.prompt_tokens >= kPromptBase ? most : price(kMostPrompt, one.sent);
        assert.ok(row.quota >= price(kLeastPrompt, 0) && row.quota <= bound, `request ${one.id}: ${row.quota} of ${bound} (${row.other})`);
        ++counts.cut;
      } else {
        assert.fail(`request ${one.id} answered ${one.status} ${one.error} and was charged ${row.quota}`);
      }
    }
    // Rows of answers of which not even the head came back.
    for (const row of strangers) {
      // Prompts repeat in a long run: of those with the same one it is the cheapest that can have cost so much.
      const same = (silent.get(row.prompt_tokens) ?? []).sort((a, b) => a.completion - b.completion);
      const at = same.findIndex((one) => row.quota <= price(one.prompt, one.completion));
      const guessed = row.prompt_tokens < kPromptBase;
      assert.ok(at >= 0 || guessed, `a row that nobody asked for: ${JSON.stringify(row)}`);
      if (at >= 0) same.splice(at, 1);
      else assert.ok(row.quota <= price(row.prompt_tokens, 7000), JSON.stringify(row));
      ++counts.unseen;
    }
    assert.ok(counts.unseen <= this.asked.filter((one) => !one.id && !one.refused).length);
    return counts;
  }
}

/** Waits until nothing of the gateway's own is left: every charge in the database, every slice returned. */
export async function settled(gateway, ms = 60_000) {
  const end = Date.now() + ms;
  for (;;) {
    const health = await gateway.health();
    const { journal, wallets, keys } = health;
    // Not the marks themselves: they have more digits than a number of this language.
    const flushed = journal.main_behind === 0 && journal.stat_behind === 0 && journal.log_behind === 0;
    const idle = health.relayed === 0 && journal.queued === 0;
    const back = [wallets, keys].every(({ slices, reserved, unflushed }) => slices === 0 && reserved === 0 && unflushed === 0);
    if (health.recovered && flushed && idle && back) return health;
    if (Date.now() > end) throw new Error(`not settled within ${ms} ms: ${JSON.stringify(health)}`);
    await sleep(100);
  }
}
