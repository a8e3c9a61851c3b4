// A client that keeps the bytes: for what an SDK would hide.
import http from "node:http";
import { watch } from "./canary.mjs";

/** POSTs JSON; resolves with status, headers and the whole body as a Buffer. `ended` is false when it was cut. */
export function post(url, key, body, { onData } = {}) {
  return new Promise((done, fail) => {
    const request = http.request(url, {
      method: "POST",
      agent: false,
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
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
