// A client that keeps the bytes: for what an SDK would hide.
import http from "node:http";
import net from "node:net";
import { watch } from "./canary.mjs";

/**
 * POSTs JSON, or a body of another type; resolves with status, headers and the whole body as a Buffer. `ended` is false
 * when it was cut.
 */
export function post(url, key, body, { onData, type = "application/json", headers } = {}) {
  return new Promise((done, fail) => {
    const request = http.request(url, {
      method: "POST",
      agent: false,
      headers: { "Content-Type": type, Authorization: `Bearer ${key}`, ...headers },
    });
    request.on("error", fail);
    request.on("response", (response) => {
      const parts = [];
      const finish = (ended) => {
        watch(`answer of ${url}`, Buffer.concat(parts).toString("latin1") + JSON.stringify(response.headers));
        done({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts), ended });
      };
      response.on("data", (part) => {
        parts.push(part);
        onData?.(Buffer.concat(parts), request);
      });
      response.on("end", () => finish(true));
      response.on("error", () => finish(false));
    });
    request.end(typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  });
}

/** The payloads of the `data:` lines of a stream, as Buffers. */
export function payloads(body) {
  return body
    .toString("latin1")
    .split("\n")
    .filter((line) => line.startsWith("data:"))
    .map((line) => Buffer.from(line.replace(/^data: ?/, "").replace(/\r$/, ""), "latin1"));
}

/** One request on a socket of its own, whose end this side decides: cut at the byte at which a test wants it. */
export class RawClient {
  /** `send`: how many bytes of the body go out; all by default. */
  constructor(url, key, body, { send } = {}) {
    const { hostname, port, pathname } = new URL(url);
    const text = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
    this.text = "";
    this.ended = false;
    this.waiting = new Set();
    this.socket = net.connect({ host: hostname, port: Number(port) });
    this.socket.setEncoding("latin1");
    this.socket.on("data", (part) => {
      this.text += part;
      for (const look of this.waiting) look();
    });
    this.closed = new Promise((done) => this.socket.once("close", done));
    this.socket.on("error", () => {});
    this.closed.then(() => {
      this.ended = true;
      for (const look of this.waiting) look();
    });
    this.socket.write(
      `POST ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: application/json\r\n` +
        `Authorization: Bearer ${key}\r\nContent-Length: ${text.length}\r\n\r\n`,
    );
    this.socket.write(text.subarray(0, send ?? text.length));
  }

  /** Events that came, comments not counted. */
  get events() {
    return (this.text.match(/^data: /gm) ?? []).length;
  }
  get status() {
    return Number(/^HTTP\/1\.1 (\d+)/.exec(this.text)?.[1]);
  }
  get requestId() {
    return /^x-oneapi-request-id: (\S+)/im.exec(this.text)?.[1];
  }

  /** Waits until `condition(this)` holds; fails when the server ends the connection before, or after `ms`. */
  until(condition, what = String(condition), ms = 15_000) {
    return new Promise((done, fail) => {
      const finish = (error) => {
        clearTimeout(late);
        this.waiting.delete(look);
        if (error) fail(new Error(`${error}: ${what}\n${this.text.slice(-2000)}`));
        else done();
      };
      const look = () => {
        if (condition(this)) finish();
        else if (this.ended) finish("the connection ended");
      };
      const late = setTimeout(() => finish(`not within ${ms} ms`), ms);
      this.waiting.add(look);
      look();
    });
  }

  /** Hangs up. */
  async cut() {
    this.socket.destroy();
    await this.closed;
  }
}
