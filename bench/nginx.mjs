// nginx as the yardstick: one worker, keep-alive to the provider, nothing buffered.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Program, childrenOf, cpuSeconds, freePort, removeDir, residentBytes, tempDir } from "../tests/e2e/lib/process.mjs";

function configuration(dir, port, upstream, prefix) {
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${dir}/${name};`);
  return `daemon off;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log error;
worker_processes 1;
${process.getuid() === 0 ? "user root;" : ""}
events { worker_connections 16000; }
http {
  ${temp.join(" ")}
  access_log off;
  client_max_body_size 10m;
  client_body_buffer_size 1m;
  keepalive_requests 1000000000;
  upstream mock { server ${upstream}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location /v1/ {
      proxy_pass http://mock${prefix}/v1/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 1h;
    }
  }
}
`;
}

export async function startNginx(upstream, prefix, cpu) {
  const dir = tempDir("nginx");
  const port = await freePort();
  writeFileSync(join(dir, "nginx.conf"), configuration(dir, port, upstream, prefix));
  const nginx = new Program("nginx", ["-p", dir, "-e", join(dir, "error.log"), "-c", join(dir, "nginx.conf")], { cpu });
  await nginx.until(async () => {
    try {
      await fetch(`http://127.0.0.1:${port}/`);
      return true;
    } catch {
      return false;
    }
  }, "nginx");
  const pids = [nginx.pid, ...childrenOf(nginx.pid)];
  return {
    name: "nginx",
    to: `127.0.0.1:${port}`,
    headers: [],
    cpu: () => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
    resident: () => pids.reduce((sum, pid) => sum + residentBytes(pid), 0),
    async stop() {
      await nginx.stop("SIGTERM", 3000);
      removeDir(dir);
    },
  };
}
