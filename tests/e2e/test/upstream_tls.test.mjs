// TLS towards upstreams: the chain and the name are verified, and what is wrong stands in the node's log.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import net from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Account, startGateway } from "../lib/gateway.mjs";
import { removeDir, tempDir } from "../lib/process.mjs";
import { startProvider } from "../lib/provider_server.mjs";

describe("TLS upstreams", { timeout: 60_000 }, () => {
  const dir = tempDir("tls");
  const servers = [];
  const seen = [];
  const gateways = [];

  /** Key and certificate that names `name`, from an authority of our own. */
  function certificate(name) {
    const file = (what) => join(dir, `${name}.${what}`);
    const openssl = (...args) => execFileSync("openssl", args, { stdio: "pipe" });
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", file("key"), "-out", file("csr"), "-subj", `/CN=${name}`,
      "-addext", `subjectAltName=${/^[\d.]+$/.test(name) ? "IP" : "DNS"}:${name}`);
    openssl("x509", "-req", "-in", file("csr"), "-CA", join(dir, "ca.crt"), "-CAkey", join(dir, "ca.key"), "-days", "2",
      "-copy_extensions", "copy", "-out", file("crt"));
    return { key: readFileSync(file("key")), cert: readFileSync(file("crt")) };
  }
  async function serve(name) {
    const server = createServer(certificate(name), (req, res) => {
      seen.push({ name, servername: req.socket.servername, reused: req.socket.isSessionReused() });
      req.resume().on("end", () => {
        const body = JSON.stringify({
          id: "c", object: "chat.completion", created: 1, model: "m",
          choices: [{ index: 0, message: { role: "assistant", content: "over TLS" }, finish_reason: "stop" }],
          usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
        });
        res.writeHead(200, { "Content-Type": "application/json" }).end(body);
      });
    });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    servers.push(server);
    return server.address().port;
  }

  /** A proxy over TLS whose tunnels all lead to `target`; answers its port. */
  async function serveProxy(target, tunnels = []) {
    const proxy = createServer(certificate("localhost")).on("connect", (request, socket) => {
      tunnels.push(request.url);
      const out = net.connect(target, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        socket.pipe(out).pipe(socket);
      });
      out.on("error", () => socket.destroy());
      socket.on("error", () => out.destroy());
    });
    await new Promise((done) => proxy.listen(0, "127.0.0.1", done));
    servers.push(proxy);
    return proxy.address().port;
  }

  /** A gateway with these settings, and a question to a channel at `base_url`. */
  async function ask(base_url, env, setting = {}) {
    const gateway = await startGateway({ env });
    gateways.push(gateway);
    const admin = await Account.setup(gateway.url);
    await admin.channel({ base_url, models: "gpt-4o-mini", setting: JSON.stringify(setting) });
    const { key } = await admin.token();
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "hi" }] }),
    });
    return { status: response.status, body: await response.text(), log: gateway.output() };
  }

  before(() => {
    execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", join(dir, "ca.key"), "-out",
      join(dir, "ca.crt"), "-days", "2", "-subj", "/CN=tests"], { stdio: "pipe" });
  });
  after(async () => {
    for (const gateway of gateways) await gateway.stop();
    for (const server of servers) server.close();
    removeDir(dir);
  });

  it("reaches one whose certificate its trust store vouches for, with SNI", async () => {
    const port = await serve("localhost");
    const answer = await ask(`https://localhost:${port}`, { SSL_CERT_FILE: join(dir, "ca.crt") });
    assert.equal(answer.status, 200, answer.body);
    assert.match(answer.body, /over TLS/);
    assert.equal(seen.at(-1).servername, "localhost");
  });

  it("reaches one by its address", async () => {
    const port = await serve("127.0.0.1");
    const answer = await ask(`https://127.0.0.1:${port}`, { SSL_CERT_FILE: join(dir, "ca.crt") });
    assert.equal(answer.status, 200, answer.body);
  });

  it("reaches one through a proxy that is spoken to by TLS, which is verified as well", async () => {
    const port = await serve("localhost");
    const tunnels = [];
    const proxy = await serveProxy(port, tunnels);
    const base = `https://localhost:${port}`;
    const setting = { proxy: `https://localhost:${proxy}` };
    const answer = await ask(base, { SSL_CERT_FILE: join(dir, "ca.crt") }, setting);
    assert.equal(answer.status, 200, answer.body);
    assert.match(answer.body, /over TLS/);
    assert.deepEqual(tunnels, [`localhost:${port}`]);
    const refused = await ask(base, {}, setting);
    assert.equal(refused.status, 500);
    assert.match(refused.log, /the proxy: certificate refused/);
    assert.equal(tunnels.length, 1);
  });

  it("reaches a plain one through such a proxy", async () => {
    const upstream = await startProvider();
    const proxy = await serveProxy(upstream.port);
    servers.push({ close: () => upstream.stop() });
    const setting = { proxy: `https://localhost:${proxy}` };
    const answer = await ask("http://plain.example", { SSL_CERT_FILE: join(dir, "ca.crt") }, setting);
    assert.equal(answer.status, 200, answer.body);
    assert.match(answer.body, /hello/);
  });

  it("refuses an unknown authority and another name; the client does not learn why, the log does", async () => {
    const before = seen.length;
    const port = await serve("localhost.example");
    for (const env of [{}, { SSL_CERT_FILE: join(dir, "ca.crt") }]) {
      const answer = await ask(`https://localhost:${port}`, env);
      assert.equal(answer.status, 500);
      assert.doesNotMatch(answer.body, /certificate/);
      assert.match(answer.log, /certificate refused: (unable to get local issuer|hostname mismatch|self)/i);
    }
    assert.equal(seen.length, before, "nothing was sent");
  });

  it("reaches any with TLS_INSECURE_SKIP_VERIFY, which is warned about", async () => {
    const port = await serve("another.example");
    const answer = await ask(`https://localhost:${port}`, { TLS_INSECURE_SKIP_VERIFY: "true" });
    assert.equal(answer.status, 200, answer.body);
    assert.match(answer.log, /TLS_INSECURE_SKIP_VERIFY is on/);
  });
});
