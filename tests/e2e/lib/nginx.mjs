// nginx with an http block of a test's own, in a folder of its own.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Program, removeDir, tempDir } from "./process.mjs";

/**
 * `http(dir)` gives the lines of the http block; what they listen at is `port` of 127.0.0.1. Returns once something
 * answers there, with `dir`, `pid`, `signal(name)` and `stop()`.
 */
export async function runNginx(port, http, { connections = 4000, cpu } = {}) {
  const dir = tempDir("nginx");
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${dir}/${name};`);
  writeFileSync(
    join(dir, "nginx.conf"),
    `daemon off;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log error;
worker_processes 1;
${process.getuid() === 0 ? "user root;" : ""}
events { worker_connections ${connections}; }
http {
  ${temp.join(" ")}
${http(dir)}
}
`,
  );
  const nginx = new Program("nginx", ["-p", dir, "-e", join(dir, "error.log"), "-c", join(dir, "nginx.conf")], { cpu });
  await nginx.until(
    () => fetch(`http://127.0.0.1:${port}/livez`, { headers: { Connection: "close" } }).then(() => true, () => false),
    "nginx",
  );
  return {
    dir,
    pid: nginx.pid,
    signal: (name) => nginx.child.kill(name),
    async stop() {
      await nginx.stop("SIGTERM", 5000);
      removeDir(dir);
    },
  };
}
