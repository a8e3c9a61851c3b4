// A balancer that starts anew opens all of its connections at once.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import net from "node:net";
import { after, before, describe, it } from "node:test";
import { startAll } from "../lib/gateway.mjs";
import { post } from "../lib/raw.mjs";

const model = "gpt-4o-mini";
const hard = Number(spawnSync("bash", ["-c", "ulimit -Hn"], { encoding: "utf8" }).stdout) || Infinity;

describe("ten thousand connections", { timeout: 180_000 }, () => {
  let all, key;
  before(async () => {
    all = await startAll({ models: model });
    ({ key } = await all.admin.token());
  });
  after(() => all?.stop());

  it("chaos 43 all are taken and answered, and streams that run are whole", async (t) => {
    const count = Math.min(10_000, Math.floor(hard * 0.6));
    if (count < 10_000) t.diagnostic(`${count} connections: the limit of descriptors is ${hard}`);
    const streams = Array.from({ length: 20 }, () =>
      post(`${all.gateway.url}/v1/chat/completions`, key, {
        model,
        stream: true,
        messages: [{ role: "user", content: "[[mock chunks=40 delay_ms=150 usage=10:40]]" }],
      }),
    );
    const sockets = [];
    const answered = Array.from({ length: count }, () => {
      const socket = net.connect({ host: "127.0.0.1", port: all.gateway.port });
      sockets.push(socket);
      return new Promise((done) => {
        let text = "";
        socket.on("data", (part) => {
          text += part;
          if (text.endsWith("\r\n\r\nok")) done(text.split(" ")[1]);
        });
        socket.on("close", () => done("closed"));
        socket.on("error", (error) => done(error.code));
        socket.write("GET /livez HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
      });
    });
    const how = {};
    for (const what of await Promise.all(answered)) how[what] = (how[what] ?? 0) + 1;
    assert.deepEqual(how, { 200: count });
    assert.ok((await all.gateway.health()).connections >= count);
    for (const { status, body, ended } of await Promise.all(streams)) {
      assert.equal(status, 200);
      assert.ok(ended);
      assert.match(body.toString(), /data: \[DONE\]\n\n$/);
    }
    for (const socket of sockets) socket.destroy();
  });
});
