// An address of the database that leads to one server or another: HAProxy in TCP mode.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Program, freePort, removeDir, tempDir } from "../../e2e/lib/process.mjs";

/** Nothing listens at `port` before the first `lead(server)`. */
export async function startMovingEntry() {
  const dir = tempDir("entry");
  const port = await freePort();
  let haproxy;
  return {
    port,
    async lead(server) {
      await haproxy?.stop("SIGKILL");
      const file = join(dir, "haproxy.cfg");
      writeFileSync(file, `defaults
  mode tcp
  timeout connect 1s
  timeout client 90s
  timeout server 90s
listen sql
  bind 127.0.0.1:${port}
  server db 127.0.0.1:${server.port}
`);
      haproxy = new Program("haproxy", ["-db", "-f", file]);
    },
    async stop() {
      await haproxy?.stop("SIGKILL");
      removeDir(dir);
    },
  };
}
