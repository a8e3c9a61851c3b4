// What is not a kill: a full disk, a disk that is away, a database restored from an older copy, a second process.
import assert from "node:assert/strict";
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../e2e/lib/gateway.mjs";
import { Program, removeDir, tempDir, tollgateProgram } from "../e2e/lib/process.mjs";
import { mountSmallDisk } from "../e2e/lib/small_disk.mjs";
import { Installation } from "./installation.mjs";
import { Load, random } from "./load.mjs";

const chance = random(31);

describe("faults", { timeout: 300_000 }, () => {
  let all;
  afterEach(async () => {
    await all?.stop();
    all = undefined;
  });

  it("B9 disk of the journal full for 30 s under load: no request fails, the books agree", async (t) => {
    const disk = mountSmallDisk(160);
    if (!disk) return t.skip("mounting a file system is not allowed here; journal_disk_test has the same with an injected error");
    const database = tempDir("database");
    t.after(() => disk.unmount());
    const data = join(disk.dir, "data");
    mkdirSync(data);
    all = await Installation.create("full", {
      dir: data,
      // Charges stay in the journal until the next flush, so that it needs more disk than it has.
      env: { SQLITE_PATH: join(database, "tollgate.db"), BATCH_UPDATE_ENABLED: "true", BATCH_UPDATE_INTERVAL: "20" },
    });
    const load = new Load({ keys: all.keys, chance });
    load.url = all.gateway.url;
    load.begin(12);
    await sleep(1500);
    disk.fill();
    // The reserve first: with it gone the journal goes on.
    await eventually(() => !existsSync(join(data, "journal.reserve")), "the reserve is given up");
    const begun = Date.now();
    let lost;
    while (Date.now() - (lost ?? begun) < (lost ? 30_000 : 60_000)) {
      disk.fill(); // whatever became free is taken again
      if (!lost && !(await all.gateway.health()).journal.writable) lost = Date.now();
      await sleep(200);
    }
    assert.ok(lost, "the journal never lost its disk");
    disk.free();
    await eventually(async () => (await all.gateway.health()).journal.writable, "the journal has its disk again");
    await sleep(1000);
    await load.stop();
    const failed = load.asked.filter((one) => !one.whole);
    assert.deepEqual(failed.map(({ status, error }) => ({ status, error })), []);
    load.verify((await all.checkBooks()).rows);
    assert.match(all.gateway.output(), /J-MEMORY/);
    await eventually(() => existsSync(join(data, "journal.reserve")), "the reserve is back");
    // And over a restart: everything that waited in memory is on disk or in SQL.
    await all.gateway.kill();
    await all.start();
    load.verify((await all.checkBooks()).rows);
    removeDir(database);
  });

  it("B9 a database restored from an older copy gets its charges again from the journal: the books agree", async () => {
    all = await Installation.create("rewind");
    const load = new Load({ keys: all.keys, chance });
    load.url = all.gateway.url;
    load.begin(10);
    await sleep(2000);
    await load.stop();
    await all.checkBooks();
    await all.gateway.stop();
    const names = ["tollgate.db", "tollgate.db-wal", "tollgate.db-shm"];
    const copy = join(all.dir, "copy");
    mkdirSync(copy);
    for (const name of names) if (existsSync(join(all.dir, name))) copyFileSync(join(all.dir, name), join(copy, name));

    await all.start();
    const more = new Load({ keys: all.keys, chance });
    more.asked.length = load.asked.length; // numbers go on
    more.asked.fill({ refused: true });
    more.url = all.gateway.url;
    more.begin(10);
    await sleep(2000);
    await more.stop();
    await all.checkBooks();
    await all.gateway.stop();
    for (const name of names) {
      rmSync(join(all.dir, name), { force: true });
      if (existsSync(join(copy, name))) copyFileSync(join(copy, name), join(all.dir, name));
    }
    await all.start();
    const { rows } = await all.checkBooks();
    load.asked = [...load.asked, ...more.asked.filter((one) => one?.prompt)];
    load.verify(rows);
  });

  it("B9 a data directory restored from an older copy charges nothing twice and loses nothing new", async () => {
    all = await Installation.create("old");
    const load = new Load({ keys: all.keys, chance, cuts: 0.1 });
    load.begin(10);
    load.url = all.gateway.url;
    await sleep(2500);
    load.url = undefined;
    await all.gateway.kill();
    const copy = join(all.dir, "copy");
    mkdirSync(copy);
    const names = ["journal.db", "journal.db-wal", "node.json"];
    for (const name of names) if (existsSync(join(all.dir, name))) copyFileSync(join(all.dir, name), join(copy, name));
    await all.start();
    load.url = all.gateway.url;
    await sleep(1500);
    load.url = undefined;
    await sleep(300);
    await all.gateway.stop();
    for (const name of [...names, "journal.db-shm"]) rmSync(join(all.dir, name), { force: true });
    for (const name of names) if (existsSync(join(copy, name))) copyFileSync(join(copy, name), join(all.dir, name));
    await all.start();
    load.url = all.gateway.url;
    await sleep(1000);
    await load.stop();
    load.verify((await all.checkBooks()).rows);
  });

  it("a damaged journal is kept, its readable rows are applied, and the node works", async () => {
    all = await Installation.create("damaged");
    const load = new Load({ keys: all.keys, chance });
    load.url = all.gateway.url;
    load.begin(10);
    await sleep(1500);
    await load.stop();
    await all.checkBooks();
    await all.gateway.stop();
    const path = join(all.dir, "journal.db");
    const file = openSync(path, "r+");
    writeSync(file, Buffer.alloc(4096, 0x55), 0, 4096, 4096 * 3);
    closeSync(file);
    await all.start();
    assert.match(all.gateway.output(), /J-CRC/);
    const again = new Load({ keys: all.keys, chance });
    again.asked.length = load.asked.length;
    again.asked.fill({ refused: true });
    again.url = all.gateway.url;
    again.begin(5);
    await sleep(500);
    await again.stop();
    const { rows } = await all.checkBooks();
    load.asked = [...load.asked, ...again.asked.filter((one) => one?.prompt)];
    load.verify(rows);
  });

  it("a second process on the same data directory ends at once and disturbs nothing", async () => {
    all = await Installation.create("second");
    const load = new Load({ keys: all.keys, chance });
    load.url = all.gateway.url;
    load.begin(5);
    for (let i = 0; i < 5; ++i) {
      const second = new Program(tollgateProgram(), [], {
        cwd: all.dir,
        env: {
          TOLLGATE_LISTEN: "127.0.0.1:0",
          TOLLGATE_DATA_DIR: all.dir,
          SQLITE_PATH: join(all.dir, "tollgate.db"),
        },
      });
      assert.equal(await second.exit, 73);
      assert.match(second.output, /FATAL 73 .*another process uses the data directory/);
    }
    await sleep(500);
    await load.stop();
    const failed = load.asked.filter((one) => !one.whole);
    assert.deepEqual(failed.map(({ status, error }) => ({ status, error })), []);
    assert.ok(load.asked.length > 5);
    load.verify((await all.checkBooks()).rows);
  });
});
