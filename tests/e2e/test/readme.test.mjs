// README's first screen, word by word: only the port and the provider's address are other ones.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { startGateway, startMock } from "../lib/gateway.mjs";
import { removeDir, tempDir } from "../lib/process.mjs";

const run = promisify(execFile);
const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
const blocks = (language) =>
  [...readme.matchAll(new RegExp("```" + language + "\n([\\s\\S]*?)```", "g"))].map((match) => match[1]);

describe("README", { timeout: 60_000 }, () => {
  let mock, gateway, dir;
  before(async () => {
    dir = tempDir("readme");
    mock = await startMock();
    gateway = await startGateway({ env: { SYNC_FREQUENCY: "1" } });
    // A test machine may be as busy as it likes.
    const key = gateway.database?.quoted("key") ?? "key";
    const row = `INSERT INTO options (${key}, value) VALUES ('performance_setting.monitor_enabled', 'false')`;
    if (gateway.database) await gateway.database.sql(row);
    else await run("sqlite3", [join(gateway.dir, "tollgate.db"), row]);
  });
  after(async () => {
    await gateway?.stop();
    await mock?.stop();
    if (dir) removeDir(dir);
  });

  const here = (text) =>
    text.replaceAll("localhost:3000", `127.0.0.1:${gateway.port}`).replaceAll("https://api.openai.com", mock.url);

  it("T1 the curl commands set it up, stream an answer, and show what it cost", async () => {
    const commands = blocks("bash");
    assert.ok(commands.length >= 3, "the first screen has its commands");
    const script = here(commands.map((block) => `${block}\necho; echo ---\n`).join(""));
    const { stdout } = await run("bash", ["-euo", "pipefail", "-c", `${script}\necho "KEY $TOLLGATE_KEY"`], { cwd: dir });
    const [setup, answer, logs] = stdout.split("\n---\n");
    assert.equal(setup.match(/"success":true/g)?.length, 4, setup);
    assert.match(answer, /data: \{.*\n[\s\S]*data: \[DONE\]/);
    assert.match(logs, /"success":true/);
    writeFileSync(join(dir, "key"), stdout.match(/KEY (sk-\S+)/)[1]);
  });

  it("T1 the SDK example streams", async () => {
    const [example] = blocks("js");
    // Beside the SDK that these tests have, so that the import finds it.
    const file = new URL(`./readme-example-${process.pid}.mjs`, import.meta.url);
    writeFileSync(file, here(example));
    try {
      const { stdout } = await run(process.execPath, [file.pathname], {
        env: { ...process.env, TOLLGATE_KEY: readFileSync(join(dir, "key"), "utf8") },
      });
      assert.ok(stdout.length > 10, stdout);
    } finally {
      removeDir(file.pathname);
    }
  });
});
