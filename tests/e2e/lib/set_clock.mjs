// Sets the wall clock of one process while it runs. libfaketime stands before its C library and reads a file of the
// process's own folder; the monotonic clock goes on as it does when a machine's clock is set.
import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const library = ["x86_64", "aarch64"]
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));

export const canSetClocks = library !== undefined;

/** Environment of a process that starts in the folder that setClock() is given. */
export const ownClock = {
  LD_PRELOAD: library,
  FAKETIME_TIMESTAMP_FILE: "clock",
  FAKETIME_CACHE_DURATION: "1", // seconds
  FAKETIME_DONT_FAKE_MONOTONIC: "1",
  NO_FAKE_STAT: "1",
};

/** So many seconds ahead of the machine's clock; the process sees it within some two seconds. */
export function setClock(dir, seconds) {
  const file = join(dir, "clock");
  // Whole at once: half a number would be another time.
  writeFileSync(`${file}.new`, `${seconds < 0 ? "" : "+"}${seconds}\n`);
  renameSync(`${file}.new`, file);
}
