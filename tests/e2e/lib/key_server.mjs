// A provider that judges by the key: what it answers to each, and who asked, is the test's to say.
import { createServer } from "node:http";

const answers = {
  "/v1/chat/completions": (model) => ({
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model,
    choices: [{ index: 0, message: { role: "assistant", content: "hello" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 },
  }),
  "/v1/embeddings": (model) => ({
    object: "list",
    model,
    data: [{ object: "embedding", index: 0, embedding: [0.5] }],
    usage: { prompt_tokens: 3, total_tokens: 3 },
  }),
};

export async function startKeyServer() {
  const refusals = new Map(); // key → {status, body, headers}
  const asked = []; // {key, path, body}
  const held = []; // of requests that wait for release()
  let holds = false;
  const server = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", async () => {
      const key = (request.headers.authorization ?? "").replace("Bearer ", "");
      const body = JSON.parse(Buffer.concat(parts).toString());
      asked.push({ key, path: request.url, body });
      if (holds) await new Promise((done) => held.push(done));
      const refusal = refusals.get(key);
      if (refusal) {
        response.writeHead(refusal.status, { "Content-Type": "application/json", ...refusal.headers });
        response.end(typeof refusal.body === "string" ? refusal.body : JSON.stringify(refusal.body ?? {}));
      } else if (body.stream) {
        const chunk = (delta, finish_reason, more) =>
          `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: body.model, choices: [{ index: 0, delta, finish_reason }], ...more })}\n\n`;
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        response.write(chunk({ role: "assistant", content: "hello" }, null));
        response.write(chunk({}, "stop", { usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 } }));
        response.end("data: [DONE]\n\n");
      } else {
        response.writeHead(200, { "Content-Type": "application/json" });
        response.end(JSON.stringify(answers[request.url](body.model)));
      }
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    asked,
    /** From now on the key is answered so; without an answer it works again. */
    refuse: (key, answer) => (answer ? refusals.set(key, answer) : refusals.delete(key)),
    keys: () => asked.map(({ key }) => key),
    hold() {
      holds = true;
    },
    release() {
      holds = false;
      for (const done of held.splice(0)) done();
    },
    stop() {
      this.release();
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}
