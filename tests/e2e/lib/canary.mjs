// Secrets of the tests carry a marker; where one is seen outside its place, the gateway under test has told a secret.
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const secrets = new Map(); // text → kind: "upstream" or "own"
const seen = []; // what answers told

/** A secret of its own; `kind` upstream: it may stand in no answer either. */
export function canary(name, kind = "own") {
  return register(`cnry-${name}-${randomBytes(12).toString("hex")}`, kind);
}

export function register(text, kind = "own") {
  secrets.set(text, kind);
  return text;
}

/** The forms in which a secret is looked for. */
function forms(secret) {
  const out = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
  out.push([...Buffer.from(secret)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""));
  for (const before of [0, 1, 2]) {
    // Only whole groups: what stands beside it changes the characters at its ends.
    const bytes = Buffer.from("\0".repeat(before) + secret);
    const text = bytes.subarray(0, bytes.length - (bytes.length % 3)).toString("base64");
    out.push(text.slice(before === 0 ? 0 : 4));
  }
  return out;
}

/** Which secrets a text tells. */
export function told(text, kinds = ["upstream", "own"]) {
  const lower = text.toLowerCase();
  const shown = (secret) =>
    forms(secret).some((form) => text.includes(form) || lower.includes(form.toLowerCase())) ||
    // Its head and tail around stars.
    new RegExp(`${secret.slice(0, 9)}[^"\\s]*[*…][^"\\s]*${secret.slice(-3)}`).test(text);
  return [...secrets].filter(([secret, kind]) => kinds.includes(kind) && shown(secret)).map(([secret]) => secret);
}

/** Looks at an answer; what it tells of upstream keys fails the gateway's stop(). */
export function watch(where, text) {
  for (const secret of told(text, ["upstream"])) seen.push(`${where} tells ${secret}: ${text.slice(0, 300)}`);
}

/** At the end of a gateway: its output, its log files and what answers told. Throws. */
export function check(output, logs) {
  const wrong = seen.splice(0);
  for (const secret of told(output)) wrong.push(`the output tells ${secret}`);
  const files = existsSync(logs) ? readdirSync(logs, { recursive: true }).map((name) => join(logs, name)) : [];
  for (const file of files)
    if (statSync(file).isFile())
      for (const secret of told(readFileSync(file, "latin1"))) wrong.push(`${file} tells ${secret}`);
  if (wrong.length > 0) throw new Error(`secrets were told:\n${wrong.join("\n")}`);
}
