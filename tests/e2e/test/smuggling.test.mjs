// Every request of the corpus, sent to the node and through two front ends. Behind each goes a canary, which must get
// its own answer; and the node must never take more requests than the front end forwarded.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { corpus } from "../corpus/requests.mjs";
import { startHaproxy, startNginx } from "../lib/front_ends.mjs";
import { eventually, startGateway } from "../lib/gateway.mjs";
import { talk } from "../lib/raw_http.mjs";

const adminToken = "a token of the tests";
let gateway;
before(async () => {
  gateway = await startGateway({ env: { TOLLGATE_ADMIN_TOKEN: adminToken } });
});
after(() => gateway?.stop());

/** How many requests the node has taken, those of this function left out. */
let asked = 0;
async function taken() {
  const response = await fetch(`${gateway.url}/-/health`, { headers: { Authorization: `Bearer ${adminToken}` } });
  return (await response.json()).requests_taken - ++asked;
}

let canaries = 0;
function canary() {
  const path = `/canary-${++canaries}-`;
  return {
    bytes: Buffer.from(`POST ${path} HTTP/1.1\r\nHost: node\r\nContent-Length: 0\r\n\r\n`),
    is: ({ body }) => body.includes(path),
  };
}

const name = ({ rule, name }) => `${rule}: ${name}`;
const allCanaries = ({ body }) => body.includes("/canary-");

it("the corpus has at least 160 requests, and each rule takes some and refuses others", () => {
  assert.ok(corpus.length >= 160, `${corpus.length}`);
  for (const rule of new Set(corpus.map(({ rule }) => rule))) {
    const cases = corpus.filter((one) => one.rule === rule);
    // What has nothing to refuse is ignored or handled; what has nothing to take is not spoken here.
    const mild = /^H-2[0124]/.test(rule);
    const foreign = /^H-25/.test(rule);
    const refused = cases.filter(({ status, statuses }) => (statuses ?? [status]).some((s) => s !== 404 && s !== 401));
    assert.ok(mild || refused.length >= 3 || /^H-22/.test(rule), `${rule} refuses ${refused.length}`);
    assert.ok(foreign || refused.length < cases.length, `${rule} takes none`);
  }
});

describe("the corpus at the node", { timeout: 60_000 }, () => {
  for (const one of corpus)
    it(name(one), async () => {
      const before = await taken();
      const behind = canary();
      const { answers, ended, rest } = await talk(gateway.port, Buffer.concat([one.bytes, behind.bytes]), {
        last: behind.is,
        bodyless: one.bodyless,
      });
      const kept = answers.length > 0 && behind.is(answers.at(-1));
      const own = (kept ? answers.slice(0, -1) : answers).map(({ status }) => status);
      assert.deepEqual(own, one.statuses ?? Array(Math.max(one.seen, 1)).fill(one.status));
      assert.equal(kept, one.kept, "the connection goes on");
      assert.equal(kept, !ended);
      assert.equal(rest, undefined);
      assert.equal((await taken()) - before - (kept ? 1 : 0), one.seen, "requests that the node took");
      if (!kept) assert.equal(answers.at(-1).fields.connection, "close");
      if (one.status === 405) assert.match(answers[0].fields.allow, /GET, HEAD, POST/);
      for (const { status, body } of answers) if (status === 400 && !one.bodyless) assert.ok(JSON.parse(body));
    });
});

for (const [front, start] of [
  ["nginx", startNginx],
  ["HAProxy", startHaproxy],
])
  describe(`the corpus through ${front}`, { timeout: 120_000 }, () => {
    let proxy, forwarded, seen;
    before(async () => {
      proxy = await start(gateway.port);
    });
    after(() => proxy?.stop());

    for (const one of corpus)
      it(name(one), async () => {
        forwarded = proxy.forwarded();
        seen = await taken();
        const behind = canary();
        const { answers } = await talk(proxy.port, Buffer.concat([one.bytes, behind.bytes]), {
          last: behind.is,
          bodyless: one.bytes.includes("HEAD "),
        });
        // A canary's answer is the last one, and only its own.
        for (const answer of answers.slice(0, -1)) assert.ok(!allCanaries(answer), "an answer of somebody else");
        if (answers.length > 0 && allCanaries(answers.at(-1))) assert.ok(behind.is(answers.at(-1)));
        // The connection between the two is not out of step: who comes next gets what is theirs.
        for (let i = 0; i < 2; ++i) {
          const next = canary();
          const { answers } = await talk(proxy.port, next.bytes, { last: next.is });
          assert.equal(answers.length, 1);
          assert.ok(next.is(answers[0]), answers[0].body);
        }
        const noMore = async () => (await taken()) - seen <= proxy.forwarded() - forwarded;
        await eventually(noMore, "the node took no more than was forwarded", 3000);
      });
  });
