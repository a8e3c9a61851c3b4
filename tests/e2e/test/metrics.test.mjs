// What a node says at /metrics and /-/health, who may read it, and that the figures are true.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { watch } from "../lib/canary.mjs";
import { adminToken, eventually, startAll } from "../lib/gateway.mjs";
import { readMetrics, sumOf } from "../lib/prometheus.mjs";

const model = "gpt-4o-mini";
const bearer = { Authorization: `Bearer ${adminToken}` };

describe("metrics", { timeout: 180_000 }, () => {
  let all, url, key;

  before(async () => {
    all = await startAll({
      models: model,
      scenario: "usage=20:10",
      env: { TOLLGATE_METRICS_SERIES: "50", TOLLGATE_NODE_NAME: "node-a" },
    });
    url = all.gateway.url;
    key = (await all.admin.token()).key;
  });
  after(() => all?.stop());

  async function scrape(headers = bearer) {
    const response = await fetch(`${url}/metrics`, { headers });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    const text = await response.text();
    watch("/metrics", text);
    return readMetrics(text);
  }
  async function ask(body, token = key) {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "hello" }], ...body }),
    });
    await response.text();
    return response.status;
  }
  /** How much the series grew meanwhile. */
  async function growth(series, work) {
    const before = await scrape();
    await work();
    const after = await scrape();
    return series.map(([name, labels]) => sumOf(after, name, labels) - (before.has(name) ? sumOf(before, name, labels) : 0));
  }

  it("O1 the page keeps to the format and says what the node is", async () => {
    await ask({});
    const families = await scrape();
    assert.equal(sumOf(families, "tollgate_build_info", { node: "node-a", role: "master" }), 1);
    assert.equal(sumOf(families, "tollgate_ready"), 1);
    assert.equal(sumOf(families, "tollgate_draining"), 0);
    for (const name of [
      "tollgate_up_since_seconds",
      "tollgate_http_connections",
      "tollgate_loop_lag_seconds",
      "tollgate_upstream_connections",
      "tollgate_channel_status",
      "tollgate_journal_appended_total",
      "tollgate_journal_oldest_seconds",
      "tollgate_journal_fsync_seconds",
      "tollgate_flush_total",
      "tollgate_flush_records",
      "tollgate_sql_queries_total",
      "tollgate_sql_pool_wait_seconds",
      "tollgate_disk_free_bytes",
      "process_cpu_seconds_total",
    ])
      assert.ok(families.get(name)?.samples.length > 0, name);
    assert.equal(sumOf(families, "tollgate_sql_state", { db: "main", state: "ok" }), 1);
    assert.equal(sumOf(families, "tollgate_journal_state", { state: "disk" }), 1);
  });

  it("O1 every family is in docs/monitoring.md, and nothing else is", async () => {
    const page = readFileSync(new URL("../../../docs/monitoring.md", import.meta.url), "utf8");
    const written = new Set([...page.matchAll(/^\| `((?:tollgate|process)_[a-z_]+)`/gm)].map(([, name]) => name));
    const families = await scrape();
    const shown = [...families.keys()];
    assert.deepEqual(shown.filter((name) => !written.has(name)), []);
    // Those of a part that this node does without are marked in the table.
    const here = page.split("## With ")[0];
    const expected = [...here.matchAll(/^\| `((?:tollgate|process)_[a-z_]+)`/gm)].map(([, name]) => name);
    assert.deepEqual(expected.filter((name) => !families.has(name)), []);
  });

  it("O1 a request is counted with its tokens, its charge, its upstream call and its times", async () => {
    const labels = { format: "openai", mode: "chat_completions", model, group: "default", outcome: "ok" };
    const grown = await growth(
      [
        ["tollgate_relay_requests_total", labels],
        ["tollgate_tokens_total", { model, kind: "prompt" }],
        ["tollgate_tokens_total", { model, kind: "completion" }],
        ["tollgate_upstream_attempts_total", { type: "1", outcome: "2xx" }],
        ["tollgate_upstream_duration_seconds", {}],
        ["tollgate_relay_duration_seconds", { mode: "chat_completions" }],
        ["tollgate_relay_overhead_seconds", { mode: "chat_completions" }],
        ["tollgate_relay_first_token_seconds", {}],
        ["tollgate_http_requests_total", { route: "/v1/chat/completions", method: "POST", code: "200" }],
        ["tollgate_auth_total", { result: "ok" }],
      ],
      async () => {
        for (let i = 0; i < 3; ++i) assert.equal(await ask({}), 200);
        assert.equal(await ask({ stream: true }), 200);
      },
    );
    assert.deepEqual(grown, [4, 80, 40, 4, 4, 4, 4, 1, 4, 4]);
    const [charged] = await growth([["tollgate_quota_charged_total", { model, group: "default", funding: "wallet" }]], () => ask({}));
    await eventually(async () => {
      const { journal } = await all.gateway.health();
      return journal.queued === 0 && journal.log_mark >= journal.last_seq;
    }, "rows are written");
    const { items } = await all.admin.call("GET", "/api/log/?p=1&page_size=1&type=2");
    assert.ok(charged > 0);
    assert.equal(charged, items[0].quota);
  });

  it("O2 refusals are counted by their reason and outcome", async () => {
    const grown = await growth(
      [
        ["tollgate_relay_requests_total", { model: "unknown", outcome: "auth" }],
        ["tollgate_relay_refused_total", { reason: "key" }],
        ["tollgate_auth_total", { result: "refused" }],
        ["tollgate_relay_requests_total", { model: "unknown", outcome: "client_error" }],
        ["tollgate_http_requests_total", { route: "/v1/chat/completions", code: "401" }],
      ],
      async () => {
        assert.equal(await ask({}, "sk-nobody"), 401);
        assert.equal(await ask({ model: "no-such-model" }), 503);
      },
    );
    assert.deepEqual(grown, [1, 1, 1, 1, 1]);
  });

  it("O1 failed attempts, retries and what a channel did are counted", async () => {
    await all.admin.option("RetryTimes", "1");
    await all.admin.channel({ base_url: all.mock.base("status=500"), models: "failing", name: "failing" });
    const grown = await growth(
      [
        ["tollgate_upstream_attempts_total", { outcome: "5xx" }],
        ["tollgate_retries_total", { reason: "upstream_refused" }],
        ["tollgate_relay_requests_total", { model: "failing", outcome: "upstream_error" }],
      ],
      () => ask({ model: "failing" }),
    );
    assert.deepEqual(grown, [2, 1, 1]);
  });

  it("names that clients invent make no series, and those of operators only so many", async () => {
    const names = Array.from({ length: 80 }, (_, i) => `model-${i}`);
    await all.admin.channel({ base_url: all.mock.base("usage=1:1"), models: names.join(","), name: "many" });
    const before = (await scrape()).get("tollgate_relay_requests_total").samples.length;
    for (let i = 0; i < 80; ++i) await ask({ model: `invented-${i}` });
    assert.ok((await scrape()).get("tollgate_relay_requests_total").samples.length <= before + 1);
    for (const name of names) assert.equal(await ask({ model: name }), 200);
    const families = await scrape();
    assert.ok(families.get("tollgate_relay_requests_total").samples.length <= 60);
    assert.ok(sumOf(families, "tollgate_relay_requests_total", { model: "other", group: "other" }) >= 30);
    assert.ok(sumOf(families, "tollgate_tokens_total", { model: "other" }) > 0, "their tokens are counted too");
  });

  it("10.5 only the admin token and direct peers of the trusted ranges may read", async () => {
    const status = async (path, headers) => (await fetch(url + path, { headers })).status;
    assert.equal(await status("/metrics", {}), 200, "a direct peer of the trusted ranges");
    for (const header of ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Forwarded-Proto", "Via"]) {
      assert.equal(await status("/metrics", { [header]: "10.0.0.9" }), 404, `through a balancer: ${header}`);
      assert.equal(await status("/metrics", { [header]: "10.0.0.9", ...bearer }), 200, "the token counts everywhere");
    }
    assert.equal(await status("/metrics", { "X-Forwarded-For": "1.2.3.4", Authorization: "Bearer wrong" }), 404);
    assert.equal(await status("/-/health", {}), 404);
  });

  it("health checks are no requests", async () => {
    const [grown] = await growth([["tollgate_http_requests_total", {}]], async () => {
      for (const path of ["/livez", "/readyz", "/metrics"]) await (await fetch(url + path)).text();
    });
    assert.equal(grown, 0);
  });

  it("REQ-CL-40 memory, descriptors and processor time are those of /proc", async () => {
    const near = (value, wanted, what) => assert.ok(Math.abs(value - wanted) <= wanted * 0.1, `${what}: ${value}, ${wanted}`);
    const families = await scrape();
    const status = readFileSync(`/proc/${all.gateway.pid}/status`, "utf8");
    near(sumOf(families, "process_resident_memory_bytes"), Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024, "memory");
    const descriptors = readdirSync(`/proc/${all.gateway.pid}/fd`).length;
    assert.ok(Math.abs(sumOf(families, "process_open_fds") - descriptors) <= 3);
    const fields = readFileSync(`/proc/${all.gateway.pid}/stat`, "utf8").split(") ")[1].split(" ");
    const ticks = Number(fields[11]) + Number(fields[12]);
    assert.ok(Math.abs(sumOf(families, "process_cpu_seconds_total") - ticks / 100) <= 0.1 + ticks / 1000);
    assert.ok(Math.abs(sumOf(families, "process_start_time_seconds") - Date.now() / 1000) < 600);
  });

  it("10.4 /-/health names each part, its state and since when", async () => {
    const { components } = await all.gateway.health();
    for (const name of ["sql", "journal", "disk"]) {
      assert.ok(["ok", "degraded"].includes(components[name].status), name);
      assert.equal(typeof components[name].since, "number");
      assert.equal(typeof components[name].detail, "string");
    }
    assert.equal(components.sql.status, "ok");
  });

  it("TOLLGATE_METRICS=false takes the page away", async () => {
    const other = await startAll({ env: { TOLLGATE_METRICS: "false" } });
    try {
      assert.equal((await fetch(`${other.gateway.url}/metrics`, { headers: bearer })).status, 404);
    } finally {
      await other.stop();
    }
  });
});
