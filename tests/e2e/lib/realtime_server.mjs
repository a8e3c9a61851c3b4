// A realtime provider that does what a test says: it answers response.create with a script of events, refuses handshakes,
// cuts, falls silent, and sends frames that no honest provider sends.
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { WebSocketServer } from "ws";

/** A response.done with these figures: text and audio, in and out. */
export const usageOf = (textIn, audioIn, textOut, audioOut, more) => ({
  total_tokens: textIn + audioIn + textOut + audioOut,
  input_tokens: textIn + audioIn,
  output_tokens: textOut + audioOut,
  input_token_details: { text_tokens: textIn, audio_tokens: audioIn, cached_tokens: 0 },
  output_token_details: { text_tokens: textOut, audio_tokens: audioOut },
  ...more,
});
export const done = (usage, status = "completed") => ({
  type: "response.done",
  event_id: "event_n",
  response: { object: "realtime.response", id: "resp_1", status, output: [], ...(usage ? { usage } : {}) },
});
export const textDelta = (delta) => ({ type: "response.output_text.delta", event_id: "event_i", response_id: "resp_1", delta });
export const audioDelta = (bytes) => ({
  type: "response.output_audio.delta",
  event_id: "event_i",
  response_id: "resp_1",
  delta: Buffer.alloc(bytes).toString("base64"),
});

/**
 * `script(event, session)` is called with each event of the client; what it returns is sent, event by event.
 * Without one response.create is answered with two deltas and the usage of 12 and 3 text tokens.
 */
export async function startRealtimeServer({ tls } = {}) {
  const handshakes = []; // {path, headers}
  const heard = []; // events of clients
  const sessions = []; // sockets, with `closed`: {code, reason} once they are
  const usual = (event) =>
    event.type === "response.create"
      ? [{ type: "response.created", response: { id: "resp_1" } }, textDelta("Hel"), textDelta("lo"), done(usageOf(12, 0, 3, 0))]
      : [];
  const rule = { script: usual, refuse: undefined, greet: true };
  const plain = (request, response) => response.writeHead(404).end();
  const http = tls ? createTlsServer(tls, plain) : createServer(plain);
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, handleProtocols: () => "realtime" });
  http.on("upgrade", (request, socket, head) => {
    handshakes.push({ path: request.url, headers: request.headers });
    const refused = rule.refuse?.(handshakes.length);
    if (refused) {
      const body = JSON.stringify({ error: { message: "slow down", type: "rate_limit_error", code: "rate_limited" }, ...refused.body });
      socket.end(
        `HTTP/1.1 ${refused.status} No\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
      return;
    }
    if (rule.answer) return rule.answer(socket, request);
    server.handleUpgrade(request, socket, head, (session) => {
      session.raw = socket;
      sessions.push(session);
      session.on("close", (code, reason) => (session.closed = { code, reason: reason.toString() }));
      session.on("error", () => {});
      const say = (event) => session.send(typeof event === "string" ? event : JSON.stringify(event));
      if (rule.greet) say({ type: "session.created", event_id: "event_a", session: { type: "realtime", id: "sess_1", model: "up" } });
      session.on("message", (data, binary) => {
        const event = binary ? { type: "binary", size: data.length } : JSON.parse(data.toString());
        heard.push(event);
        for (const answer of rule.script(event, session) ?? []) say(answer);
      });
    });
  });
  await new Promise((ready) => http.listen(0, "127.0.0.1", ready));
  return {
    url: `${tls ? "wss" : "http"}://127.0.0.1:${http.address().port}`,
    handshakes,
    heard,
    sessions,
    rule,
    /** As at the start. */
    reset() {
      Object.assign(rule, { script: usual, refuse: undefined, answer: undefined, greet: true });
      handshakes.length = heard.length = sessions.length = 0;
    },
    async stop() {
      for (const session of server.clients) session.terminate();
      http.closeAllConnections();
      await new Promise((closed) => http.close(closed));
    },
  };
}
