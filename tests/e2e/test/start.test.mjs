// What a start reads, refuses and says, and the small commands beside it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { removeDir, tempDir, tollgateProgram } from "../lib/process.mjs";

describe("start", { timeout: 120_000 }, () => {
  let dir;
  before(() => (dir = tempDir("start")));
  after(() => removeDir(dir));

  const run = (args, env = {}) =>
    spawnSync(tollgateProgram(), args, { env: { PATH: process.env.PATH, ...env }, cwd: dir, encoding: "utf8", timeout: 20_000 });
  const lastLine = ({ stderr }) => stderr.trim().split("\n").at(-1);

  it("one wrong variable is named in the FATAL line with what to do", () => {
    const wrong = run(["config", "--check"], { SYNC_FREQUENCY: "abc" });
    assert.equal(wrong.status, 78);
    assert.equal(
      lastLine(wrong),
      'FATAL 78 SYNC_FREQUENCY: "abc" is not a whole number; set a number between 1 and 86400, for example SYNC_FREQUENCY=60',
    );
    const file = join(dir, "broken.env");
    writeFileSync(file, "PORT=3000\nnonsense\n");
    const broken = run(["--env-file", file, "config", "--check"]);
    assert.equal(broken.status, 78);
    assert.match(lastLine(broken), /^FATAL 78 .*broken\.env: line 2: /);
  });

  it("D5 REQ-CL-23 'config --check' names unknown, misspelt and weak ones, and no secret", () => {
    const odd = run(["config", "--check"], {
      SYNC_FREQENCY: "60",
      TOLLGATE_NONSENSE: "1",
      SESSION_SECRET: "your_unique_session_secret",
      CRYPTO_SECRET: "tooshort",
      NODE_TYPE: "Slave",
    });
    assert.equal(odd.status, 0, odd.stderr);
    assert.match(odd.stderr, /WARN SYNC_FREQENCY: unknown variable, without effect; is SYNC_FREQUENCY meant\?/);
    assert.match(odd.stderr, /WARN TOLLGATE_NONSENSE: unknown variable/);
    assert.match(odd.stderr, /WARN SESSION_SECRET: the value is an example value/);
    assert.match(odd.stderr, /WARN CRYPTO_SECRET: the value is shorter than 16 bytes/);
    assert.doesNotMatch(odd.stderr + odd.stdout, /your_unique_session_secret|tooshort/);
  });

  it("REQ-CL-23 'secret' makes secrets that are taken without a word", () => {
    const one = run(["secret"]);
    assert.match(one.stdout, /^[0-9a-f]{64}\n$/);
    const file = join(dir, "made.env");
    writeFileSync(file, run(["secret", "--env"]).stdout);
    const effective = run(["config", "--env-file", file]);
    assert.equal(effective.stderr, "");
    assert.match(effective.stdout, /^SESSION_SECRET=sha256:[0-9a-f]{8} {2}# \.env$/m);
    assert.match(effective.stdout, /^CRYPTO_SECRET=sha256:/m);
  });

  it("REQ-CL-19 an unknown time zone is a warning and UTC, a known one is used", () => {
    const odd = run(["config", "--check"], { TZ: "Mars/Olympus" });
    assert.equal(odd.status, 0);
    assert.match(odd.stderr, /WARN TZ: "Mars\/Olympus" is no time zone of this machine; .*UTC is used/);
    assert.equal(run(["config", "--check"], { TZ: "Mars/Olympus", TOLLGATE_STRICT_CONFIG: "1" }).status, 78);
    for (const zone of ["Asia/Shanghai", "UTC", "CST-8"])
      assert.equal(run(["config", "--check"], { TZ: zone }).stderr, "", zone);
  });

  it("REQ-CL-15 a refused start waits when it is the first process of a container", () => {
    const timed = (args, env) => {
      const begin = process.hrtime.bigint();
      const { status, stderr } = spawnSync(args[0], args.slice(1), { env: { PATH: process.env.PATH, ...env }, cwd: dir, encoding: "utf8" });
      return { status, stderr, seconds: Number(process.hrtime.bigint() - begin) / 1e9 };
    };
    const wrong = { NODE_TYPE: "boss", PORT: "0" };
    const alone = timed([tollgateProgram()], { ...wrong, TOLLGATE_EXIT_DELAY: "1s" });
    assert.equal(alone.status, 78);
    assert.ok(alone.seconds >= 1, `${alone.seconds} s`);
    const first = timed(["unshare", "-pf", tollgateProgram()], wrong);
    if (/unshare/.test(first.stderr)) return; // not allowed here
    assert.equal(first.status, 78);
    assert.ok(first.seconds >= 5, `${first.seconds} s`);
  });

  it("D5 an unwritable data directory ends with 73", () => {
    writeFileSync(join(dir, "file"), "");
    mkdirSync(join(dir, "sub"), { recursive: true });
    const refused = run([], { TOLLGATE_DATA_DIR: join(dir, "file", "below"), TOLLGATE_LISTEN: "127.0.0.1:0" });
    assert.equal(refused.status, 73);
    assert.match(lastLine(refused), /^FATAL 73 TOLLGATE_DATA_DIR: /);
  });
});
