// Jobs of the whole cluster: whoever was frozen while another took one over changes nothing when it wakes up.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { adminToken, eventually } from "../e2e/lib/gateway.mjs";
import { Cluster } from "./lib/cluster.mjs";

const operator = { Authorization: `Bearer ${adminToken}` };
const holderOf = async (node, name) => {
  const { data } = await (await fetch(`${node.url}/api/tollgate/cluster`, { headers: operator })).json();
  return data.leases.find((lease) => lease.name === name)?.holder_name;
};

/** A provider that keeps the first request waiting until it is let go, and answers all others. */
async function startSlowProvider() {
  const good = JSON.stringify({
    id: "c1",
    object: "chat.completion",
    created: 1,
    model: "slow-model",
    choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  });
  const state = { held: null, answered: 0 };
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      if (!state.held) return (state.held = response);
      state.answered += 1;
      response.writeHead(200, { "Content-Type": "application/json" }).end(good);
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return Object.assign(state, {
    url: `http://127.0.0.1:${server.address().port}`,
    refuse() {
      const error = { error: { message: "Incorrect API key provided", type: "invalid_request_error", code: "invalid_api_key" } };
      state.held.writeHead(401, { "Content-Type": "application/json" }).end(JSON.stringify(error));
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  });
}

describe("a job whose holder is frozen", { timeout: 300_000 }, () => {
  let cluster, provider;
  before(async () => {
    provider = await startSlowProvider();
    cluster = await Cluster.start({ slaves: 0 });
    await cluster.add(); // another master
  });
  after(async () => {
    for (const node of cluster?.nodes ?? []) {
      try {
        process.kill(node.pid, "SIGCONT");
      } catch {
        // it is gone
      }
    }
    await cluster?.stop();
    await provider?.stop();
  });

  it("C1 chaos 2 the answer that a frozen tester of channels was waiting for is not written down", async () => {
    await cluster.admin.channel({ name: "slow", base_url: provider.url, models: "slow-model", priority: 10 });
    const { items } = await cluster.admin.call("GET", "/api/channel/?p=1&page_size=100");
    const { id } = items.find(({ name }) => name === "slow");
    await cluster.admin.option("AutomaticDisableChannelEnabled", "true");
    await cluster.admin.option("monitor_setting.auto_test_channel_minutes", "0.02");
    await cluster.admin.option("monitor_setting.auto_test_channel_enabled", "true");
    await eventually(() => provider.held, "a test has begun", 60_000);
    const name = await holderOf(cluster.master, "channel_test");
    const holder = cluster.nodes.find((node) => node.name === name);
    const other = cluster.nodes.find((node) => node.name !== name);

    process.kill(holder.pid, "SIGSTOP");
    await eventually(async () => (await holderOf(other, "channel_test")) === other.name, "the job moves", 60_000);
    await eventually(() => provider.answered > 0, "the other tests the channel", 60_000);
    const admin = await cluster.login(other);
    await admin.option("monitor_setting.auto_test_channel_enabled", "false");
    const row = async () => {
      const { status, test_time, response_time } = await admin.call("GET", `/api/channel/${id}`);
      return { status, test_time, response_time };
    };
    // The run of the other node ends.
    let stored = await row();
    await eventually(async () => {
      const before = stored;
      await sleep(2500);
      stored = await row();
      return stored.test_time > 0 && JSON.stringify(before) === JSON.stringify(stored);
    }, "nothing is tested any more", 60_000);

    process.kill(holder.pid, "SIGCONT");
    provider.refuse();
    await eventually(() => holder.output().includes(`channel ${id} (slow): test failed`), "the holder has got its answer", 60_000);
    await sleep(2000);
    assert.deepEqual(await row(), stored);
    assert.equal(stored.status, 1);
  });
});
