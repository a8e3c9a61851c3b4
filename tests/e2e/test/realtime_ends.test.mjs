// Realtime sessions when the gateway stops or is killed, behind nginx, and with the official SDK.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { Account, eventually, rootName, rootPassword, startGateway } from "../lib/gateway.mjs";
import { Program, freePort, removeDir, tempDir } from "../lib/process.mjs";
import { connect } from "../lib/realtime_client.mjs";
import { audioDelta, done, startRealtimeServer, textDelta, usageOf } from "../lib/realtime_server.mjs";

const model = "gpt-4o-realtime-preview";
const response = 9325; // what the usage below costs
const reply = [textDelta("hello"), done(usageOf(50, 300, 20, 150))];

let up;
before(async () => (up = await startRealtimeServer()));
beforeEach(() => {
  up.reset();
  up.rule.script = (event) => (event.type === "response.create" ? reply : []);
});
after(() => up?.stop());

const started = [];
/** Nothing stays behind, also of a test that fails. */
after(() => Promise.all(started.map((gateway) => gateway.kill())));
async function start(options) {
  const gateway = await startGateway(options);
  started.push(gateway);
  return gateway;
}
async function installation(env, dir) {
  const gateway = await start({ dir, env });
  const admin = await Account.setup(gateway.url);
  await admin.channel({ base_url: up.url, models: model });
  return { gateway, admin, key: (await admin.token()).key };
}
async function open(gateway, key, options) {
  const session = await connect(gateway.url, model, key, options).opened();
  session.patience = 60_000;
  await session.event("session.created");
  return session;
}

function certificate(dir) {
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", join(dir, "key"), "-out",
    join(dir, "crt"), "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], { stdio: "pipe" });
  return { key: readFileSync(join(dir, "key")), cert: readFileSync(join(dir, "crt")) };
}

describe("a TLS upstream behind a proxy", { timeout: 60_000 }, () => {
  test("is reached by wss through the proxy's tunnel, megabytes both ways, for the origins that may", async () => {
    const dir = tempDir("tls");
    const secure = await startRealtimeServer({ tls: certificate(dir) });
    let tunnels = 0;
    const proxy = createServer().on("connect", (request, socket, head) => {
      ++tunnels;
      const [host, port] = request.url.split(":");
      const out = connectTcp(port, host, () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        out.write(head);
        out.pipe(socket).pipe(out);
      });
      for (const end of [socket, out]) end.on("error", () => socket.destroy());
    });
    await new Promise((ready) => proxy.listen(0, "127.0.0.1", ready));
    const gateway = await start({ env: { TLS_INSECURE_SKIP_VERIFY: "true", TOLLGATE_WS_ORIGINS: "https://a.example" } });
    const admin = await Account.setup(gateway.url);
    const setting = JSON.stringify({ proxy: `http://127.0.0.1:${proxy.address().port}` });
    await admin.channel({ base_url: secure.url, models: model, setting });
    const { key } = await admin.token();
    for (const options of [{}, { origin: "https://b.example" }])
      assert.equal((await connect(gateway.url, model, key, options).refusal()).status, 403);
    const session = await open(gateway, key, { origin: "https://a.example" });
    secure.rule.script = (event) => (event.audio ? [audioDelta(3 << 20), ...reply] : []);
    session.send({ type: "input_audio_buffer.append", audio: Buffer.alloc(3 << 20).toString("base64") });
    await session.event("response.done");
    assert.equal(session.events.find((event) => event.type === "response.output_audio.delta").delta.length, 4 << 20);
    await session.close();
    assert.equal((await admin.row(session.requestId)).quota, response);
    assert.equal(tunnels, 1);
    await gateway.stop();
    await secure.stop();
    proxy.closeAllConnections();
    proxy.close();
    removeDir(dir);
  });
});

describe("a gateway that stops", { timeout: 180_000 }, () => {
  test("REQ-CL-26 pings every 30 s; 30 s into its drain sessions are closed with 1012 and charged", async () => {
    const dir = tempDir("realtime");
    const { gateway, admin, key } = await installation({}, dir);
    const before = await admin.balance();
    const session = await open(gateway, key);
    session.respond();
    await session.event("response.done");
    process.kill(gateway.pid, "SIGTERM");
    session.respond(); // goes on meanwhile
    await session.event("response.done", 2);
    assert.deepEqual(await session.end(), { code: 1012, reason: "service restart" });
    assert.ok(session.pings >= 1, "it was pinged");
    assert.equal(await gateway.exited, 0);
    const again = await start({ dir });
    const owner = await Account.login(again.url, rootName, rootPassword);
    const row = await owner.row(session.requestId);
    assert.equal(row.quota, 2 * response);
    assert.equal(JSON.parse(row.other).end, "gateway_shutdown");
    assert.equal(before - (await owner.balance()), row.quota);
    await again.stop();
    removeDir(dir);
  });

  test("S6 whose drain is over ends them at once", async () => {
    const dir = tempDir("realtime");
    const { gateway, key } = await installation({ TOLLGATE_DRAIN_TIMEOUT: "3s" }, dir);
    const session = await open(gateway, key);
    session.respond();
    await session.event("response.done");
    const stopped = gateway.stop();
    assert.equal((await session.end()).code, 1012);
    await stopped;
    const again = await start({ dir });
    const row = await (await Account.login(again.url, rootName, rootPassword)).row(session.requestId);
    assert.deepEqual([row.quota, row.rows], [response, 1]);
    await again.stop();
    removeDir(dir);
  });
});

describe("a gateway that is killed", { timeout: 180_000 }, () => {
  test("B1 B9 in a session: what its client saw done is charged exactly once, in one row", async () => {
    const dir = tempDir("realtime");
    let { gateway, admin, key } = await installation({}, dir);
    const initial = await admin.balance();
    let sum = 0;
    for (const responses of [1, 2, 3]) {
      const session = await open(gateway, key);
      for (let n = 1; n < responses; ++n) {
        session.respond();
        await session.event("response.done", n);
      }
      session.respond();
      await session.event("response.done", responses);
      await gateway.kill();
      gateway = await start({ dir });
      admin = await Account.login(gateway.url, rootName, rootPassword);
      const row = await admin.row(session.requestId);
      sum += row.quota;
      assert.deepEqual([row.rows, row.quota], [1, responses * response], `killed behind response ${responses}`);
      assert.equal(JSON.parse(row.other).recovered, true);
      assert.equal(initial - (await admin.balance()), sum);
    }
    // Each of these sessions is one request; the last was not counted as another by its parts.
    assert.equal((await admin.call("GET", "/api/user/self")).request_count, 3);
    await gateway.stop();
    removeDir(dir);
  });

  test("B1 B9 in the middle of a response: what was counted a second ago is charged once", async () => {
    const dir = tempDir("realtime");
    let { gateway, admin, key } = await installation({}, dir);
    const initial = await admin.balance();
    up.rule.script = () => [];
    const session = await open(gateway, key);
    session.send({ type: "input_audio_buffer.append", audio: Buffer.alloc(172_800).toString("base64") });
    await eventually(() => up.heard.length === 1, "the upstream has it");
    await new Promise((later) => setTimeout(later, 2500)); // its in-flight row is written every second
    await gateway.kill();
    gateway = await start({ dir });
    admin = await Account.login(gateway.url, rootName, rootPassword);
    const row = await admin.row(session.requestId);
    assert.deepEqual([row.rows, row.quota], [1, 2000]);
    assert.equal(initial - (await admin.balance()), 2000);
    await gateway.stop();
    removeDir(dir);
  });

  test("B9 at any moment of many sessions: the rows are the fall of the balance", async () => {
    const dir = tempDir("realtime");
    let { gateway, admin, key } = await installation({}, dir);
    const initial = await admin.balance();
    for (let round = 0; round < 4; ++round) {
      const sessions = await Promise.all(Array.from({ length: 5 }, () => open(gateway, key)));
      let seen = 0;
      const enough = new Promise((resolve) => {
        for (const session of sessions)
          session.socket.on("message", (data) => {
            if (!data.toString().includes("response.done")) return;
            if (++seen >= 40 + 7 * round) resolve();
            if (session.socket.readyState === 1) session.respond();
          });
      });
      for (const session of sessions) session.respond();
      await enough;
      await gateway.kill();
      gateway = await start({ dir });
      admin = await Account.login(gateway.url, rootName, rootPassword);
      for (const session of sessions) {
        const row = await admin.row(session.requestId);
        const done = session.events.filter((event) => event.type === "response.done").length;
        assert.equal(row.rows, 1);
        assert.equal(row.quota % response, 0);
        // What was journaled when the process died may not have reached its client.
        assert.ok(row.quota / response >= done && row.quota / response <= done + 1, `${row.quota / response} of ${done}`);
      }
      const rows = await admin.consumeRows();
      assert.equal(initial - (await admin.balance()), rows.reduce((sum, row) => sum + row.quota, 0));
    }
    await gateway.stop();
    removeDir(dir);
  });
});

describe("behind nginx", { timeout: 60_000 }, () => {
  let gateway, key, nginx, dir, admin, port;
  before(async () => {
    ({ gateway, key, admin } = await installation({}));
    dir = tempDir("nginx");
    certificate(dir);
    port = await freePort();
    const plain = await freePort();
    const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${dir}/${name};`);
    writeFileSync(
      join(dir, "nginx.conf"),
      `daemon off; pid ${dir}/pid; error_log ${dir}/error.log error; worker_processes 1;
${process.getuid() === 0 ? "user root;" : ""}
events { worker_connections 100; }
http {
  ${temp.join(" ")}
  access_log off;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${dir}/crt; ssl_certificate_key ${dir}/key;
    location / {
      proxy_pass http://127.0.0.1:${gateway.port};
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_read_timeout 3600s;
    }
  }
  server {
    listen 127.0.0.1:${plain};
    location / { proxy_pass http://127.0.0.1:${gateway.port}; proxy_set_header Host $host; }
  }
}
`,
    );
    nginx = new Program("nginx", ["-p", dir, "-e", join(dir, "error.log"), "-c", join(dir, "nginx.conf")]);
    nginx.plain = `http://127.0.0.1:${plain}`;
    await nginx.until(async () => {
      try {
        return (await fetch(`${nginx.plain}/livez`)).ok;
      } catch {
        return false;
      }
    }, "nginx");
  });
  after(async () => {
    await nginx?.stop("SIGTERM", 3000);
    await gateway?.stop();
    if (dir) removeDir(dir);
  });

  test("the openai SDK's realtime client holds a session, TLS and upgrade lines in front", async () => {
    const client = new OpenAI({ apiKey: key, baseURL: `https://localhost:${port}/v1` });
    const realtime = new OpenAIRealtimeWS({ model, options: { rejectUnauthorized: false } }, client);
    const heard = [];
    let requestId;
    realtime.socket.on("upgrade", (answer) => (requestId = answer.headers["x-oneapi-request-id"]));
    await new Promise((resolve, reject) => {
      realtime.on("error", reject);
      realtime.socket.on("close", () => reject(new Error(`closed after ${JSON.stringify(heard)}`)));
      realtime.on("event", (event) => heard.push(event.type));
      realtime.on("session.created", () => {
        realtime.send({ type: "session.update", session: { type: "realtime", instructions: "Be short." } });
        realtime.send({ type: "response.create" });
      });
      realtime.on("response.done", resolve);
    });
    realtime.close();
    assert.deepEqual(heard, ["session.created", "response.output_text.delta", "response.done"]);
    const row = await admin.row(requestId);
    assert.equal(row.quota, response);
    assert.equal(JSON.parse(row.other).end, "finished");
  });

  test("REQ-CL-26 without them the client is told which are missing", async () => {
    const refused = await connect(nginx.plain, model, key).refusal();
    assert.equal(refused.status, 426);
    assert.match(refused.body.error.message, /proxy_set_header Upgrade \$http_upgrade/);
  });
});
