// Disks that are full: the database's, and the one for log files. Requests go on, and what waited is written once there is
// room again.
import assert from "node:assert/strict";
import { existsSync, readFileSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { stopLoads } from "../chaos/load.mjs";
import { startMariadb } from "../e2e/lib/databases.mjs";
import { eventually } from "../e2e/lib/gateway.mjs";
import { mountSmallDisk } from "../e2e/lib/small_disk.mjs";
import { Cluster } from "./lib/cluster.mjs";
import { before, begin, wholeAndExact } from "./lib/under_load.mjs";

const noMount = "mounting a file system is not allowed here";

describe("full disks", { timeout: 300_000 }, () => {
  let cluster, small;
  afterEach(async () => {
    await stopLoads();
    await cluster?.stop();
    small?.unmount();
    cluster = small = undefined;
  });

  it("chaos 27 the database's disk is full under load: requests go on, charges wait in the journal and follow, once", async (t) => {
    const server = await startMariadb({ disk: 200 });
    if (!server.disk) {
      await server.stop();
      return t.skip(noMount);
    }
    // Rows of logs must soon ask for room: their table is as small as it gets.
    cluster = await Cluster.start({ sql: server, slaves: 1 });
    const since = await before(cluster);
    const loads = [await begin(cluster, 6, { brief: true })];
    const { disk } = server;
    const behind = async () => {
      const { journal } = await cluster.master.health();
      return journal.log_behind;
    };
    disk.fill();
    await eventually(() => {
      disk.fill(); // whatever becomes free is taken again
      return behind().then((rows) => rows > 100);
    }, "log rows wait", 60_000);
    assert.equal(statfsSync(disk.dir).bavail, 0);
    for (let i = 0; i < 10; ++i) {
      disk.fill();
      await sleep(500);
    }
    assert.ok((await fetch(`${cluster.master.url}/readyz`)).ok, "it still wants requests");
    assert.match(cluster.master.output(), /\(1114\)|\(1021\)|is full/, "the log says why");
    const waiting = await behind();
    disk.free();
    await eventually(async () => (await behind()) === 0, "everything has followed", 60_000);
    t.diagnostic(`${waiting} log rows waited; ${await wholeAndExact(cluster, loads[0], since)} requests`);
  });

  it("chaos 52 the disk of the log files is full: lines go to standard output, requests go on, and files go on once there is room", async (t) => {
    small = mountSmallDisk(2);
    if (!small) return t.skip(noMount);
    cluster = await Cluster.start({ slaves: 0, env: { TOLLGATE_LOG_DIR: join(small.dir, "logs"), TOLLGATE_LOG_LEVEL: "debug" } });
    const since = await before(cluster);
    const { master } = cluster;
    const file = join(small.dir, "logs", "tollgate.log");
    assert.ok(existsSync(file));
    const load = await begin(cluster, 4, { brief: true });
    small.fill();
    // Lines of ours, more than the last block of the file has room for.
    const line = /log file opened anew/g;
    const said = () => (master.output().match(line) ?? []).length;
    const written = () => (readFileSync(file, "utf8").match(line) ?? []).length;
    for (let i = 1; i <= 80; ++i) {
      process.kill(master.pid, "SIGHUP");
      await eventually(() => said() === i, "what it says is on standard output");
    }
    assert.ok(written() < 80, "the disk is not full");
    const complaints = (master.output().match(/LOG ERROR|No space left/g) ?? []).length;
    assert.ok(complaints > 0, "nobody is told");
    assert.ok(complaints <= 10, `it complains all the time:\n${master.output().slice(-3000)}`);
    assert.ok((await fetch(`${master.url}/readyz`)).ok);
    small.free();
    const missed = written();
    process.kill(master.pid, "SIGHUP");
    await eventually(() => said() === 81, "it goes on");
    await eventually(() => written() > missed, "the file goes on");
    t.diagnostic(`${await wholeAndExact(cluster, load, since)} requests`);
  });
});
