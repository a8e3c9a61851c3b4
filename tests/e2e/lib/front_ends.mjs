// Proxies before a node, as people run them: connections to the node are kept and used again. Each counts what it
// forwarded.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runNginx } from "./nginx.mjs";
import { Program, freePort, removeDir, tempDir } from "./process.mjs";
import { talk } from "./raw_http.mjs";

const listening = (port) => () =>
  talk(port, "GET /livez HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n").then(
    ({ answers }) => answers.length > 0,
    () => false,
  );

export async function startNginx(node) {
  const port = await freePort();
  const nginx = await runNginx(
    port,
    (dir) => `  log_format forwarded "$upstream_addr";
  access_log ${dir}/access.log forwarded;
  client_header_timeout 500ms;
  client_body_timeout 500ms;
  lingering_timeout 500ms;
  upstream node { server 127.0.0.1:${node}; keepalive 4; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://node;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_next_upstream off;
    }
  }`,
    { connections: 1000 },
  );
  const forwarded = () => {
    const lines = readFileSync(join(nginx.dir, "access.log"), "latin1").split("\n");
    return lines.filter((text) => text.includes(":")).length;
  };
  return { port, forwarded, stop: nginx.stop };
}

export async function startHaproxy(node) {
  const dir = tempDir("haproxy");
  const port = await freePort();
  writeFileSync(
    join(dir, "haproxy.cfg"),
    `global
  log stdout format raw local0
defaults
  mode http
  log global
  timeout connect 2s
  timeout client 500ms
  timeout server 10s
  timeout http-request 500ms
  http-reuse always
  retries 0
frontend front
  bind 127.0.0.1:${port}
  log-format "forwarded-to %s"
  default_backend back
backend back
  server node 127.0.0.1:${node}
`,
  );
  const haproxy = new Program("haproxy", ["-db", "-f", join(dir, "haproxy.cfg")]);
  let lines = 0;
  haproxy.child.stdout.on("data", (text) => {
    lines += text.split("forwarded-to node").length - 1;
  });
  await haproxy.until(listening(port), "haproxy");
  return {
    port,
    forwarded: () => lines,
    async stop() {
      await haproxy.stop("SIGTERM", 3000);
      removeDir(dir);
    },
  };
}
