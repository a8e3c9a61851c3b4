// `tollgate doctor` beside one node as it comes: nothing is set, so nothing is wrong.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { it } from "node:test";
import { promisify } from "node:util";
import { testKind } from "../lib/databases.mjs";
import { eventually, startGateway } from "../lib/gateway.mjs";
import { tollgateProgram } from "../lib/process.mjs";

it("REQ-CL-46 the doctor finds nothing at a single node that made its own secret", { skip: testKind && "of SQLite" }, async () => {
  const gateway = await startGateway({ env: { SESSION_SECRET: "" } });
  try {
    const env = { PATH: process.env.PATH, TOLLGATE_DATA_DIR: gateway.dir, SQLITE_PATH: join(gateway.dir, "tollgate.db") };
    const examine = async () =>
      JSON.parse((await promisify(execFile)(tollgateProgram(), ["doctor", "--json"], { env }).catch((failed) => failed)).stdout);
    const compared = async () => {
      const report = await examine();
      const result = (id) => report.checks.find((check) => check.id === id).result;
      return result("S-02") !== "SKIP" && { report, result };
    };
    const { report, result } = await eventually(compared, "the node is in the registry");
    assert.deepEqual(report.checks.filter((check) => check.result === "FAIL"), []);
    assert.deepEqual([result("S-02"), result("S-03"), report.exit], ["PASS", "PASS", 0]);
  } finally {
    await gateway.stop();
  }
});
