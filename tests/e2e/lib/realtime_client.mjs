// A realtime client that keeps what it hears and can be asked to wait for it.
import { WebSocket } from "ws";
import { watch } from "./canary.mjs";

const limit = 15_000;

/** Opens a session. `protocols` carries the key where a browser would, else it is a header. */
export function connect(base, model, key, { protocols, headers, query = "", ...options } = {}) {
  const url = `${base.replace(/^http/, "ws")}/v1/realtime?model=${encodeURIComponent(model)}${query}`;
  const auth = protocols ? {} : { Authorization: `Bearer ${key}` };
  const socket = new WebSocket(url, protocols ?? [], { headers: { ...auth, ...headers }, ...options });
  const events = [];
  const waiting = new Set();
  const wake = () => waiting.forEach((look) => look());
  const until = (what, find) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(look);
        reject(new Error(`not within ${limit} ms: ${what}; heard ${JSON.stringify(events.map((e) => e.type))}, ${JSON.stringify(session.closed)}`));
      }, session.patience);
      const look = () => {
        const found = find();
        if (!found) return;
        clearTimeout(timer);
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  const session = {
    socket,
    events,
    patience: limit,
    pings: 0,
    closed: undefined,
    refused: undefined, // {status, body} in place of a WebSocket
    requestId: undefined,
    send: (event) => socket.send(typeof event === "string" ? event : JSON.stringify(event)),
    respond: () => session.send({ type: "response.create" }),
    opened: () => until("the session opens", () => (socket.readyState === WebSocket.OPEN && session.requestId ? session : undefined)),
    /** The n-th event of a type. */
    event: (type, n = 1) => until(`${n} × ${type}`, () => events.filter((e) => e.type === type)[n - 1]),
    end: () => until("the session is closed", () => session.closed),
    refusal: () => until("the session is refused", () => session.refused),
    async close(code = 1000) {
      socket.close(code);
      return session.end();
    },
  };
  socket.on("upgrade", (response) => {
    session.requestId = response.headers["x-oneapi-request-id"];
    session.protocol = response.headers["sec-websocket-protocol"];
    session.handshake = response.headers;
  });
  socket.on("open", wake);
  socket.on("ping", () => {
    ++session.pings;
    wake();
  });
  socket.on("message", (data) => {
    const text = data.toString();
    watch("realtime event", text);
    events.push(JSON.parse(text));
    wake();
  });
  socket.on("unexpected-response", (request, response) => {
    let body = "";
    response.on("data", (part) => (body += part));
    response.on("end", () => {
      session.refused = { status: response.statusCode, headers: response.headers, body: JSON.parse(body) };
      wake();
    });
  });
  socket.on("error", () => {});
  socket.on("close", (code, reason) => {
    session.closed = { code, reason: reason.toString() };
    wake();
  });
  return session;
}
