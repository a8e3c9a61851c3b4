// TLS towards upstreams: the chain and the name are verified, and what is wrong stands in the node's log.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Account, startGateway } from "../lib/gateway.mjs";
import { removeDir, tempDir } from "../lib/process.mjs";

describe("TLS upstreams", { timeout: 60_000 }, () => {
  const dir = tempDir("tls");
  const servers = [];
  const seen = [];
  const gateways = [];

  /** A server whose certificate names `name`, from an authority of our own. */
  async function serve(name) {
    const file = (what) => join(dir, `${name}.${what}`);
    const openssl = (...args) => execFileSync("openssl", args, { stdio: "pipe" });
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", file("key"), "-out", file("csr"), "-subj", `/CN=${name}`,
      "-addext", `subjectAltName=${/^[\d.]+$/.test(name) ? "IP" : "DNS"}:${name}`);
    openssl("x509", "-req", "-in", file("csr"), "-CA", join(dir, "ca.crt"), "-CAkey", join(dir, "ca.key"), "-days", "2",
      "-copy_extensions", "copy", "-out", file("crt"));
    const server = createServer({ key: readFileSync(file("key")), cert: readFileSync(file("crt")) }, (req, res) => {
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

  /** A gateway with these settings, and a question to a channel at `base_url`. */
  async function ask(base_url, env) {
    const gateway = await startGateway({ env });
    gateways.push(gateway);
    const admin = await Account.setup(gateway.url);
    await admin.channel({ base_url, models: "gpt-4o-mini" });
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
