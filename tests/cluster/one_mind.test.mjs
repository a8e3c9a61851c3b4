// Nodes over one database behave as one: who is here, who does a job, and how a change on one comes into force on all.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { Account, adminToken, eventually, rootName, rootPassword, startGateway } from "../e2e/lib/gateway.mjs";
import { Program, freePort, removeDir, tempDir, tollgateProgram } from "../e2e/lib/process.mjs";
import { Cluster } from "./lib/cluster.mjs";

const operator = { Authorization: `Bearer ${adminToken}` };
const view = async (node) =>
  (await (await fetch(`${node.url}/api/tollgate/cluster`, { headers: operator })).json()).data;
const ask = async (node, method, path, body) => {
  const response = await fetch(`${node.url}/api/tollgate/${path}`, {
    method,
    headers: { "Content-Type": "application/json", ...operator },
    body: body && JSON.stringify(body),
  });
  return { status: response.status, ...(await response.json()) };
};
const chat = (node, key, model = "gpt-4o-mini") =>
  fetch(`${node.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }] }),
  });
/** What a management call answers in its head and its body. */
async function call(account, url, method, path, body, headers = {}) {
  const response = await fetch(url + path, {
    method,
    headers: { "Content-Type": "application/json", Cookie: account.cookie, "New-Api-User": String(account.id), ...headers },
    body: body && JSON.stringify(body),
  });
  const answer = await response.json();
  assert.ok(answer.success, JSON.stringify(answer));
  return { headers: response.headers, data: answer.data };
}
const option = async (account, url, key, headers) =>
  (await call(account, url, "GET", "/api/option/", undefined, headers)).data.find((item) => item.key === key)?.value;
/** A start that fails: its exit code and what it said. */
async function failing(env) {
  const dir = tempDir("failing");
  const program = new Program(tollgateProgram(), [], {
    cwd: dir,
    env: { TOLLGATE_DATA_DIR: dir, TOLLGATE_LOG_DIR: "-", PORT: String(await freePort()), TOLLGATE_WORKERS: "1", ...env },
  });
  try {
    return { code: await program.exit, output: program.output };
  } finally {
    removeDir(dir);
  }
}
/** `tollgate cluster …` with the environment of the cluster. */
async function command(cluster, ...words) {
  try {
    const { stdout } = await promisify(execFile)(tollgateProgram(), ["cluster", ...words], {
      env: { PATH: process.env.PATH, ...cluster.env },
      cwd: cluster.master.dir,
    });
    return { code: 0, stdout };
  } catch ({ code, stdout, stderr }) {
    return { code, stdout, stderr };
  }
}
const leaseOf = async (node, name) => (await view(node)).leases.find((lease) => lease.name === name);

describe("three nodes, one mind", { timeout: 300_000 }, () => {
  let cluster, admin;
  before(async () => {
    // Polling every ten minutes: what is seen sooner came by a signal.
    cluster = await Cluster.start({ slaves: 2, env: { SYNC_FREQUENCY: "600" } });
    admin = cluster.admin;
  });
  after(() => cluster?.stop());

  it("REQ-CL-01 each node lists the same three, and nothing told them of each other", async () => {
    for (const node of cluster.nodes)
      await eventually(async () => {
        const { nodes, leader } = await view(node);
        const names = nodes.map(({ name }) => name).sort();
        return names.join() === "master,node2,node3" && nodes.every(({ state }) => state === "ready") && leader === "master";
      }, `${node.name} lists all three`, 15_000);
    const { nodes } = await view(cluster.nodes[1]);
    assert.deepEqual(nodes.filter((node) => node.this_node).map(({ name }) => name), ["node2"]);
  });

  it("REQ-CL-01 a second process on the same data directory ends with 73", async () => {
    const second = await failing({ ...cluster.env, TOLLGATE_DATA_DIR: cluster.nodes[1].dir, NODE_TYPE: "slave" });
    assert.equal(second.code, 73, second.output);
  });

  it("REQ-CL-04 C1 a channel made on one node serves on the others long before they would poll", async () => {
    await admin.channel({ name: "pushed", base_url: cluster.mock.url, models: "pushed-model" });
    for (const node of cluster.slaves)
      await eventually(async () => (await chat(node, cluster.key, "pushed-model")).status === 200, node.name, 5_000);
  });

  it("C1 the answer to a change can wait until it was seen by every node", async () => {
    for (let i = 0; i < 5; ++i) {
      const { headers } = await call(admin, cluster.slaves[0].url, "PUT", "/api/option/", { key: "Notice", value: `n${i}` },
        { "X-Tollgate-Wait": "all" });
      assert.equal(headers.get("x-tollgate-seen"), "3 of 3");
      for (const node of cluster.nodes) assert.equal(await option(admin, node.url, "Notice"), `n${i}`);
    }
  });

  it("C1 whoever brings the version of his own change back sees it on any node at once", async () => {
    for (let i = 0; i < 10; ++i) {
      const { headers } = await call(admin, cluster.master.url, "PUT", "/api/option/", { key: "Notice", value: `own ${i}` });
      const version = headers.get("x-tollgate-version");
      assert.match(version, /^channels=\d+,options=\d+$/);
      assert.equal(await option(admin, cluster.slaves[i % 2].url, "Notice", { "X-Tollgate-Version": version }), `own ${i}`);
    }
  });

  it("C1 a key that is switched off on one node stops on all of them", async () => {
    const { id, key } = await admin.token({ name: "revoked" });
    for (const node of cluster.nodes) assert.equal((await chat(node, key)).status, 200);
    await admin.call("PUT", "/api/token/?status_only=true", { id, status: 2 });
    for (const node of cluster.nodes)
      await eventually(async () => (await chat(node, key)).status === 401, `${node.name} refuses the key`, 5_000);
  });

  it("C2 two administrators who save different fields of a channel on two nodes lose nothing", async () => {
    await admin.channel({ name: "shared", base_url: cluster.mock.url, models: "shared-model" });
    const { items } = await admin.call("GET", "/api/channel/?p=1&page_size=100");
    const { id } = items.find(({ name }) => name === "shared");
    const second = new Account(cluster.slaves[0].url);
    Object.assign(second, { id: admin.id, cookie: admin.cookie });
    for (let i = 1; i <= 10; ++i) {
      await Promise.all([
        admin.call("PUT", "/api/channel/", { id, priority: i }),
        second.call("PUT", "/api/channel/", { id, weight: i }),
      ]);
      const channel = await admin.call("GET", `/api/channel/${id}`);
      assert.deepEqual([channel.priority, channel.weight], [i, i]);
    }
  });

  it("C2 of two administrators who change the same field on two nodes the second is told by whom", async () => {
    await admin.channel({ name: "contested", base_url: cluster.mock.url, models: "contested-model" });
    const { items } = await admin.call("GET", "/api/channel/?p=1&page_size=100");
    const { id } = items.find(({ name }) => name === "contested");
    const [here, there] = [cluster.master, cluster.slaves[0]];
    const seen = async (node) => (await call(admin, node.url, "GET", `/api/channel/${id}`)).headers.get("x-tollgate-row-version");
    const save = async (node, version, body) => {
      const response = await fetch(`${node.url}/api/channel/`, {
        method: "PUT",
        headers: {
          "Content-Type": "application/json",
          Cookie: admin.cookie,
          "New-Api-User": String(admin.id),
          ...(version && { "X-Tollgate-If-Version": version }),
        },
        body: JSON.stringify({ id, ...body }),
      });
      return { status: response.status, ...(await response.json()) };
    };
    const version = await seen(here);
    assert.equal(await seen(there), version, "all nodes give the same version");
    // At once: one of the two is told, whichever comes second.
    const both = await Promise.all([save(here, version, { priority: 5 }), save(there, version, { priority: 6 })]);
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 409]);
    const { priority } = await admin.call("GET", `/api/channel/${id}`);
    assert.equal(priority, both[0].status === 200 ? 5 : 6);
    const told = both.find(({ status }) => status === 409);
    assert.equal(told.success, false);
    assert.deepEqual(told.data.conflicts.map(({ field, by }) => [field, by]), [["priority", rootName]]);
    assert.equal(told.data.current.priority, priority);
    // Another field of the same old form goes through, and a form without a version as it always did.
    assert.equal((await save(there, version, { weight: 3 })).status, 200);
    assert.equal((await save(there, undefined, { priority: 9 })).status, 200);
  });

  it("C2 several options are saved together or not at all, above the version they were read with", async () => {
    const [here, there] = [cluster.master, cluster.slaves[0]];
    const { data } = await call(admin, there.url, "GET", "/api/tollgate/options");
    await call(admin, here.url, "PUT", "/api/option/", { key: "Notice", value: "from the other node" });
    const put = async (body) => {
      const response = await fetch(`${there.url}/api/tollgate/options`, {
        method: "PUT",
        headers: { "Content-Type": "application/json", Cookie: admin.cookie, "New-Api-User": String(admin.id) },
        body: JSON.stringify(body),
      });
      return { status: response.status, ...(await response.json()) };
    };
    const told = await put({ base_epoch: data.epoch, values: { Notice: "mine", About: "mine" } });
    assert.equal(told.status, 409, JSON.stringify(told));
    assert.deepEqual(told.data.current, { Notice: "from the other node" });
    assert.notEqual(await option(admin, here.url, "About"), "mine");
    const done = await put({ base_epoch: told.data.epoch, values: { Notice: "mine", About: "mine" } });
    assert.equal(done.status, 200, JSON.stringify(done));
    for (const node of cluster.nodes)
      await eventually(async () => (await option(admin, node.url, "About")) === "mine", node.name, 10_000);
    assert.equal(await option(admin, here.url, "Notice"), "mine");
  });

  it("a node is drained and resumed by request on another node, and by command", async () => {
    const [, node2] = cluster.nodes;
    const ready = () => fetch(`${node2.url}/readyz`).then(({ status }) => status, () => "refused");
    const state = async () => (await view(cluster.master)).nodes.find(({ name }) => name === "node2").state;
    assert.equal((await ask(cluster.master, "POST", "nodes/node2/drain", { deadline_s: 5 })).status, 200);
    await eventually(async () => (await ready()) === "refused", "node2 takes nothing new", 12_000);
    await eventually(async () => (await state()) === "drained", "node2 is drained", 15_000);
    assert.equal((await command(cluster, "resume", "node2")).code, 0);
    await eventually(async () => (await ready()) === 200, "node2 is ready again", 15_000);
    assert.equal((await chat(node2, cluster.key)).status, 200);
    assert.equal((await ask(cluster.master, "DELETE", "nodes/node2")).status, 409);
    assert.equal((await ask(cluster.master, "GET", "nodes/nobody")).status, 404);
    assert.equal((await fetch(`${node2.url}/api/tollgate/cluster`)).status, 401);
  });

  it("the command lists nodes and leases without asking any node", async () => {
    const nodes = await command(cluster, "nodes");
    assert.equal(nodes.code, 0, nodes.stderr);
    assert.match(nodes.stdout, /^NAME +ID +ROLE +STATE/);
    assert.match(nodes.stdout, /^node3 +\w{8} +slave +ready/m);
    assert.match((await command(cluster, "leases")).stdout, /^registry +master/m);
    assert.equal(JSON.parse((await command(cluster, "nodes", "--json")).stdout).nodes.length, 3);
    assert.equal((await command(cluster, "drain", "nobody")).code, 64);
    assert.equal((await command(cluster, "dance")).code, 2);
  });

  it("REQ-CL-37 a new node needs the same environment and nothing else", async () => {
    const node = await cluster.add({ NODE_TYPE: "slave" });
    assert.equal((await chat(node, cluster.key)).status, 200);
    await eventually(async () => (await view(cluster.master)).nodes.some(({ name, state }) => name === "node4" && state === "ready"),
      "the master lists it", 5_000);
    await node.stop();
    assert.equal((await view(cluster.master)).nodes.find(({ name }) => name === "node4").state, "left");
    cluster.nodes.pop();
    removeDir(node.dir);
  });

  it("REQ-CL-24 chaos 33 a copied data directory becomes a node of its own", async () => {
    const [, original] = cluster.nodes;
    const dir = tempDir("copy");
    cpSync(original.dir, dir, { recursive: true, filter: (path) => !path.endsWith(".sock") });
    const copy = await startGateway({
      dir,
      host: cluster.address(9),
      port: 3000,
      env: { ...cluster.env, NODE_TYPE: "slave", TOLLGATE_NODE_NAME: "copy" },
    });
    try {
      assert.match(copy.output(), /copy of its own; the copied journal is set aside/);
      const both = async () => {
        const { nodes } = await view(copy);
        const found = ["node2", "copy"].map((name) => nodes.find((node) => node.name === name));
        return found.every(Boolean) && found;
      };
      const [one, two] = await eventually(both, "both are listed", 5_000);
      assert.notEqual(one.id, two.id);
      assert.equal(one.state, "ready");
    } finally {
      await copy.stop();
      removeDir(dir);
    }
  });

  it("C3 REQ-CL-08 chaos 35 36 another secret on one node is named by all of them, and its keys still stop", async () => {
    const odd = await cluster.add({ NODE_TYPE: "slave", SESSION_SECRET: "quite another secret", CRYPTO_SECRET: "another one" });
    for (const node of cluster.nodes)
      for (const secret of ["SESSION_SECRET", "CRYPTO_SECRET"])
        await eventually(() => node.output().includes(`${secret} of node node4 `), `${node.name} names the ${secret}`, 12_000);
    assert.equal((await command(cluster, "nodes")).code, 1);
    const { id, key } = await admin.token({ name: "by id" });
    assert.equal((await chat(odd, key)).status, 200);
    await admin.call("PUT", "/api/token/?status_only=true", { id, status: 2 });
    await eventually(async () => (await chat(odd, key)).status === 401, "the odd node refuses the key", 5_000);
    await odd.stop();
    cluster.nodes.pop();
    removeDir(odd.dir);
  });

  it("chaos 37 REQ-CL-03 two clusters on one Redis are named on both sides", async () => {
    const database = await cluster.server.database();
    const dir = tempDir("stranger");
    const stranger = await startGateway({
      dir,
      host: cluster.address(8),
      port: 3000,
      env: { ...cluster.env, SQL_DSN: database.dsn, TOLLGATE_NODE_NAME: "stranger" },
    });
    try {
      for (const [node, other] of [[cluster.master, "stranger"], [stranger, "master"]])
        await eventually(async () => {
          const { warnings, state } = await view(node);
          return state === "split" && warnings.some(({ code, text }) => code === "split_database" && text.includes(other));
        }, `the split is seen`, 15_000);
    } finally {
      await stranger.stop();
      removeDir(dir);
    }
  });
});

describe("nodes that come and go", { timeout: 300_000 }, () => {
  it("REQ-CL-09 NODE_TYPE is master or slave, in any case", async () => {
    const wrong = await failing({ NODE_TYPE: "replica" });
    assert.equal(wrong.code, 78);
    assert.match(wrong.output, /NODE_TYPE.*master.*slave/);
    const local = await failing({ NODE_TYPE: "Slave" });
    assert.equal(local.code, 78);
    assert.match(local.output, /FATAL 78 SQL_DSN: a slave needs the shared database/);
  });

  it("REQ-CL-24 a slave that finds no schema waits for it and gives up in time", async () => {
    const cluster = await Cluster.start({ slaves: 0, setup: false, redis: false });
    try {
      const empty = await cluster.server.database();
      const alone = await failing({ ...cluster.env, SQL_DSN: empty.dsn, NODE_TYPE: "slave", TOLLGATE_SCHEMA_WAIT: "1s" });
      assert.equal(alone.code, 75, alone.output);
      assert.match(alone.output, /FATAL 75 schema: no master has completed the schema/);

      // The slave first, the master after it.
      const env = { ...cluster.env, SQL_DSN: empty.dsn };
      const dirs = [tempDir("late-slave"), tempDir("late-master")];
      const starting = startGateway({ dir: dirs[0], host: cluster.address(7), port: 3000, env: { ...env, NODE_TYPE: "slave" } });
      const master = await startGateway({ dir: dirs[1], host: cluster.address(6), port: 3000, env });
      const slave = await starting;
      assert.equal((await fetch(`${slave.url}/readyz`)).status, 200);
      await slave.stop();
      await master.stop();
      dirs.forEach(removeDir);
    } finally {
      await cluster.stop();
    }
  });

  it("REQ-CL-06 a slave works with a database user that may change no table", async () => {
    const cluster = await Cluster.start({ slaves: 0 });
    try {
      const { name } = cluster.database;
      await cluster.server.sql("CREATE USER 'slave'@'%' IDENTIFIED BY 'password-of-the-slave-cnry'");
      await cluster.server.sql(`GRANT SELECT, INSERT, UPDATE, DELETE ON \`${name}\`.* TO 'slave'@'%'`);
      const dsn = cluster.database.dsn.replace(/^[^@]*@/, "slave:password-of-the-slave-cnry@");
      const slave = await cluster.add({ NODE_TYPE: "slave", SQL_DSN: dsn });
      const admin = await cluster.login(slave);
      await admin.channel({ name: "by the slave", base_url: cluster.mock.url, models: "slave-model" });
      assert.equal((await chat(slave, cluster.key, "slave-model")).status, 200);
      await eventually(async () => (await chat(cluster.master, cluster.key, "slave-model")).status === 200, "the master", 5_000);
    } finally {
      await cluster.stop();
    }
  });

  it("chaos 2 4 a lease moves from a holder that is frozen, and from one that is killed", async () => {
    const cluster = await Cluster.start({ slaves: 0 });
    try {
      const second = await cluster.add(); // another master
      await eventually(async () => (await leaseOf(second, "registry"))?.holder_name === "master", "the first holds it", 10_000);
      const before = (await leaseOf(second, "registry")).token;
      process.kill(cluster.master.pid, "SIGSTOP");
      await eventually(async () => (await leaseOf(second, "registry"))?.holder_name === "node2", "it moves", 25_000);
      process.kill(cluster.master.pid, "SIGCONT");
      await eventually(async () => (await fetch(`${cluster.master.url}/readyz`)).ok, "it wakes", 10_000);
      const during = await leaseOf(second, "registry");
      assert.equal(during.holder_name, "node2");
      assert.ok(during.token > before);

      await second.kill();
      await eventually(async () => (await leaseOf(cluster.master, "registry"))?.holder_name === "master", "it moves back", 30_000);
      assert.equal((await chat(cluster.master, cluster.key)).status, 200);
    } finally {
      await cluster.stop();
    }
  });

  it("REQ-CL-20 C1 with publish and subscribe forbidden a change is in force within SYNC_FREQUENCY", async () => {
    const cluster = await Cluster.start({ slaves: 1, env: { SYNC_FREQUENCY: "3" } });
    try {
      await cluster.redis.cli("ACL", "SETUSER", "default", "-@pubsub");
      await cluster.redis.cli("CLIENT", "KILL", "TYPE", "pubsub");
      await eventually(async () => {
        const { nodes } = await view(cluster.master);
        return nodes.every(({ signals }) => signals === false);
      }, "no node hears signals", 40_000);
      await cluster.admin.channel({ name: "polled", base_url: cluster.mock.url, models: "polled-model" });
      await eventually(async () => (await chat(cluster.slaves[0], cluster.key, "polled-model")).status === 200, "polled", 10_000);
    } finally {
      await cluster.stop();
    }
  });
});
