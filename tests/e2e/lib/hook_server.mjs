// A server that keeps every request it gets: the place that notifications and balance queries go to.
import { createServer } from "node:http";

export async function startHookServer() {
  const got = []; // {method, path, headers, body}
  const answers = new Map(); // path without query → {status, body, delay}
  const server = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      got.push({
        method: request.method,
        path: request.url,
        headers: request.headers,
        body: Buffer.concat(parts).toString(),
      });
      const { status = 200, body = {}, delay = 0 } = answers.get(request.url.split("?")[0]) ?? {};
      setTimeout(() => {
        response.writeHead(status, { "Content-Type": "application/json" });
        response.end(typeof body === "string" ? body : JSON.stringify(body));
      }, delay);
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    got,
    answer: (path, answer) => answers.set(path, answer),
    /** Bodies of the webhooks of a type. */
    hooks: (type) => got.filter(({ body }) => body.startsWith("{")).map(({ body }) => JSON.parse(body)).filter((hook) => hook.type === type),
    stop() {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}
