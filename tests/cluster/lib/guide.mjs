// Reads the blocks of the deployment guide (../guide) the way the tools they are written for do.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = join(dirname(fileURLToPath(import.meta.url)), "../guide");
export const text = (name) => readFileSync(join(folder, name), "utf8");

/** The items of a list of NAME=value under `member`, as YAML reads them: a comment begins with a blank and '#'. */
export function environment(name, member = "environment") {
  const lines = text(name).split("\n");
  const first = lines.findIndex((line) => line.trim() === `${member}:`);
  const values = {};
  for (const line of lines.slice(first + 1)) {
    if (/^\s*#/.test(line)) continue;
    const item = /^\s+-\s(.*)$/.exec(line);
    if (!item) break;
    const [, variable, value] = /^(\w+)=(.*)$/.exec(item[1].replace(/\s+#.*$/, ""));
    values[variable] = value;
  }
  return values;
}

/** The shell command of the guide's health check; in compose files '$$' is a dollar. */
export function healthCommand() {
  const line = /test: (\[.*\])/.exec(text("more.yml"))[1];
  return JSON.parse(line)[1].replaceAll("$$", "$");
}
