// Bytes sent over a socket as they are, and the answers that come back, taken apart.
import net from "node:net";

/** One answer at the front of `bytes`: { status, fields, body, size }; undefined while it is not whole. */
function readAnswer(bytes, bodyless, ended) {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first, ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1]);
  if (!status) throw new Error(`no answer: ${first}`);
  const fields = Object.fromEntries(lines.map((text) => [text.split(":", 1)[0].toLowerCase(), text.replace(/^[^:]*: */, "")]));
  const start = end + 4;
  if (bodyless || status < 200 || status === 204 || status === 304) return { status, fields, body: "", size: start };
  if (fields["transfer-encoding"] === "chunked") {
    let at = start;
    let body = "";
    for (;;) {
      const lineEnd = bytes.indexOf("\r\n", at);
      if (lineEnd < 0) return undefined;
      const size = parseInt(bytes.subarray(at, lineEnd).toString("latin1"), 16);
      if (bytes.length < lineEnd + 4 + size) return undefined;
      body += bytes.subarray(lineEnd + 2, lineEnd + 2 + size).toString("latin1");
      at = lineEnd + 4 + size;
      if (size === 0) return { status, fields, body, size: at };
    }
  }
  const length = fields["content-length"];
  const size = length === undefined ? bytes.length - start : Number(length);
  if (bytes.length < start + size || (length === undefined && !ended)) return undefined;
  return { status, fields, body: bytes.subarray(start, start + size).toString("latin1"), size: start + size };
}

/**
 * Sends `bytes` and reads answers until one satisfies `last`, or the connection ends. `bodyless`: the first answer is to
 * HEAD. Resolves with { answers (1xx left out), ended, rest }, rest being bytes that are no HTTP/1.1 answer.
 */
export function talk(port, bytes, { last = () => false, bodyless = false, ms = 5000 } = {}) {
  return new Promise((done, fail) => {
    const socket = net.connect(port, "127.0.0.1");
    const answers = [];
    let buffer = Buffer.alloc(0);
    let rest;
    const finish = (ended) => {
      clearTimeout(late);
      socket.destroy();
      done({ answers, ended, rest });
    };
    const late = setTimeout(() => {
      socket.destroy();
      fail(new Error(`no end within ${ms} ms; answers: ${answers.map(({ status }) => status).join(" ")}`));
    }, ms);
    const take = (ended) => {
      try {
        for (let one; rest === undefined && (one = readAnswer(buffer, bodyless && answers.length === 0, ended)); ) {
          buffer = buffer.subarray(one.size);
          if (one.status < 200) continue;
          answers.push(one);
          if (last(one)) return true;
        }
      } catch {
        rest = buffer.toString("latin1");
      }
      return false;
    };
    socket.on("data", (part) => {
      buffer = Buffer.concat([buffer, part]);
      if (take(false)) finish(false);
    });
    socket.on("end", () => {
      take(true);
      if (buffer.length > 0) rest ??= buffer.toString("latin1");
      finish(true);
    });
    socket.on("error", () => finish(true));
    socket.write(bytes);
  });
}
