// A part of a core for a process, by a control group of its own (cgroup v2, or the controller cpu of v1).
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const period = 10_000; // µs: with longer ones a node stands still for longer than the other has work
const v2 = "/sys/fs/cgroup";
const v1 = "/sys/fs/cgroup/cpu";

/** Gives `pid` `cores` of processor time; returns what takes the group away once the process has ended. Throws where
 *  groups may not be made. */
export function limitCpu(pid, cores) {
  const quota = Math.round(period * cores);
  const controllers = join(v2, "cgroup.controllers");
  const unified = existsSync(controllers);
  const group = join(unified ? v2 : v1, `tollgate-bench-${pid}`);
  if (unified && readFileSync(controllers, "utf8").includes("cpu")) writeFileSync(join(v2, "cgroup.subtree_control"), "+cpu");
  mkdirSync(group);
  try {
    if (unified) writeFileSync(join(group, "cpu.max"), `${quota} ${period}`);
    else {
      writeFileSync(join(group, "cpu.cfs_period_us"), String(period));
      writeFileSync(join(group, "cpu.cfs_quota_us"), String(quota));
    }
    writeFileSync(join(group, "cgroup.procs"), String(pid));
  } catch (error) {
    rmdirSync(group);
    throw error;
  }
  return () => rmdirSync(group);
}
