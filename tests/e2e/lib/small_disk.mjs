// A file system of a few megabytes, for tests of full disks.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { removeDir, tempDir } from "./process.mjs";

/** Mounted on `dir`, or on a folder of its own; null where mounting is not allowed. */
export function mountSmallDisk(megabytes, dir) {
  const own = dir === undefined;
  const home = dir ?? tempDir("disk");
  if (spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "none", home]).status !== 0) {
    if (own) removeDir(home);
    return null;
  }
  const filler = join(home, "filler");
  return {
    dir: home,
    /** Takes all the room there is. */
    fill() {
      const file = openSync(filler, "a");
      try {
        for (const size of [64 * 1024, 512])
          try {
            for (const block = Buffer.alloc(size, 7); ; ) writeSync(file, block);
          } catch (error) {
            assert.equal(error.code, "ENOSPC");
          }
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    unmount() {
      spawnSync("umount", ["-l", home]);
      if (own) removeDir(home);
    },
  };
}
