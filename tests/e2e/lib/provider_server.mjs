// A provider with paths and headers of its own choosing: it answers whatever path is asked by the kind of body, keeps
// what came, and can be told what to say instead.
import { createServer } from "node:http";

const chunk = (delta, finish_reason, more) => ({
  id: "c1",
  object: "chat.completion.chunk",
  created: 1,
  model: "up",
  choices: [{ index: 0, delta, finish_reason }],
  ...more,
});
export const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };

/** Chunks of a stream that ends well. */
export const chunks = [chunk({ role: "assistant", content: "hello" }, null), chunk({}, "stop"), { ...chunk(), choices: [], usage }];

const plain = {
  messages: {
    id: "c1",
    object: "chat.completion",
    created: 1,
    model: "up",
    choices: [{ index: 0, message: { role: "assistant", content: "hello" }, finish_reason: "stop" }],
    usage,
  },
  prompt: {
    id: "c1",
    object: "text_completion",
    created: 1,
    model: "up",
    choices: [{ index: 0, text: "hello", finish_reason: "stop" }],
    usage,
  },
  input: {
    object: "list",
    model: "up",
    data: [{ object: "embedding", index: 0, embedding: [0.5] }],
    usage: { prompt_tokens: 3, total_tokens: 3 },
  },
};

export async function startProvider() {
  const asked = []; // {path, headers, text, body}, oldest first; the body of a form is its text
  let answer; // asked → {status, headers, body} or nothing
  const server = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const text = Buffer.concat(parts).toString();
      const json = request.headers["content-type"]?.startsWith("application/json");
      const one = { path: request.url, headers: request.headers, text, body: json ? JSON.parse(text) : {} };
      asked.push(one);
      const told = answer?.(one);
      const stream = one.body.stream === true;
      const kind = Object.keys(plain).find((name) => one.body[name] !== undefined);
      response.writeHead(told?.status ?? 200, {
        "Content-Type": stream && !told?.status ? "text/event-stream" : "application/json",
        ...told?.headers,
      });
      const body = told?.body ?? (stream ? chunks : plain[kind]);
      if (Array.isArray(body)) {
        for (const event of body) response.write(`data: ${JSON.stringify(event)}\n\n`);
        response.end("data: [DONE]\n\n");
      } else {
        response.end(typeof body === "string" ? body : JSON.stringify(body));
      }
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    port: server.address().port,
    url: `http://127.0.0.1:${server.address().port}`,
    asked,
    /** The last request. */
    last: () => asked.at(-1),
    /** From now on; nothing: as usual. */
    say(how) {
      answer = how;
    },
    stop() {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}
