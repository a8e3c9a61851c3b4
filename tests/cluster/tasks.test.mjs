// Tasks on several nodes: one of them asks the upstream, and what fails is given back once, whichever node took it on
// and whichever dies (D-43, REQ-CL-14).
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually } from "../e2e/lib/gateway.mjs";
import { customer, startTaskServer } from "../e2e/lib/task_server.mjs";
import { Cluster } from "./lib/cluster.mjs";

const sql = process.env.TOLLGATE_CLUSTER_SQL ?? "mysql";
const song = 50_000;
const wait = 120_000;

describe(`tasks on two nodes, ${sql}`, { timeout: 900_000 }, () => {
  let cluster, upstream, rich;
  before(async () => {
    upstream = await startTaskServer();
    cluster = await Cluster.start({ slaves: 0, sql, redis: false, env: { TOLLGATE_TASK_POLL: "200ms", SYNC_FREQUENCY: "2" } });
    await cluster.add(); // another master: whichever of the two dies, the other takes its jobs
    await cluster.admin.channel({ type: 36, base_url: upstream.url, models: "suno_music" });
    rich = await customer(cluster.admin, cluster.master.url, "rich", 1000 * song);
  });
  after(async () => {
    await cluster?.stop();
    await upstream?.stop();
  });

  const call = async (node, path, body) => {
    const response = await fetch(node.url + path, {
      method: body ? "POST" : "GET",
      headers: { Authorization: `Bearer ${rich.token.key}`, "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  };
  const submit = async (node) => {
    let answer;
    await eventually(async () => {
      answer = await call(node, "/suno/submit/MUSIC", { prompt: "a song" });
      return answer.status === 200;
    }, `${node.name} takes it on`, wait);
    return answer.body.data;
  };
  const failed = (node, id) =>
    eventually(async () => (await call(node, `/suno/fetch/${id}`)).body.data?.status === "FAILURE", `${id} failed`, wait);
  const refunds = async (id) =>
    (await cluster.admin.call("GET", "/api/log/?p=1&page_size=100&type=4")).items.filter(({ content }) => content.includes(id)).length;
  // The wallet and what nodes hold of it: 1000 songs again once all is given back.
  const whole = async () => {
    const [row] = await cluster.database.sql(
      `SELECT u.quota + (SELECT COALESCE(SUM(amount), 0) FROM tg_slices WHERE kind = 'user' AND account_id = u.id) FROM users u WHERE u.id = ${rich.account.id}`,
    );
    return Number(Object.values(row)[0]);
  };

  it("tasks that both nodes took on fail and are given back once each", async () => {
    const ids = [];
    for (let i = 0; i < 10; ++i) ids.push(await submit(cluster.nodes[i % 2]));
    for (const id of ids) upstream.say(id, { status: "FAILURE", fail_reason: "no" });
    for (const id of ids) await failed(cluster.master, id);
    for (const id of ids) assert.equal(await refunds(id), 1);
    await eventually(async () => (await whole()) === 1000 * song, "the wallet is whole", wait);
  });

  it("whichever node dies, the other one asks on and gives back what failed", async () => {
    for (const dies of cluster.nodes) {
      const stays = cluster.nodes.find((node) => node !== dies);
      const id = await submit(stays);
      await dies.kill();
      upstream.say(id, { status: "FAILURE", fail_reason: "no" });
      await failed(stays, id);
      await cluster.restart(dies);
      assert.equal(await refunds(id), 1);
      await eventually(async () => (await whole()) === 1000 * song, "the wallet is whole", wait);
    }
  });

  it("the node that took it on dies right behind its answer: given back once, its charge comes with it", async () => {
    const [other, taker] = cluster.nodes;
    const id = await submit(taker);
    await taker.kill();
    upstream.say(id, { status: "FAILURE", fail_reason: "no" });
    await cluster.restart(taker);
    await failed(other, id);
    assert.equal(await refunds(id), 1);
    await eventually(async () => (await whole()) === 1000 * song, "the wallet is whole", wait);
  });
});
