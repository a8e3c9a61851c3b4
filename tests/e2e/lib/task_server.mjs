// An upstream of asynchronous work: songs, videos, pictures. It takes everything on, keeps what came, and says of each
// task what the test has it say.
import { createServer } from "node:http";
import { Account } from "./gateway.mjs";

export async function startTaskServer() {
  const asked = []; // {method, path, headers, text, body}, oldest first
  const tasks = new Map(); // id → what is said of it when asked
  let refusal; // of submissions: {status, body}
  let next = 1000; // ids of one length: none begins with another
  const film = Buffer.from("a film of some bytes");

  const json = (response, status, body) => {
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };
  const take = (id, said) => {
    tasks.set(id, said);
    return id;
  };

  const answers = [
    ["POST", /^\/suno\/submit\/(\w+)$/, () => ({ code: "success", message: "", data: take(`song-${next++}`, {}) })],
    [
      "POST",
      /^\/suno\/fetch$/,
      (_, { body }) => ({
        code: "success",
        message: "",
        data: [
          { task_id: "not asked for", status: "FAILURE", fail_reason: "of somebody else" },
          ...body.ids
            .filter((id) => tasks.has(id))
            .map((id) => ({
              task_id: id,
              action: "MUSIC",
              status: "SUBMITTED",
              fail_reason: "",
              submit_time: 1,
              start_time: 0,
              finish_time: 0,
              data: null,
              ...tasks.get(id),
            })),
        ],
      }),
    ],
    [
      "POST",
      /^\/v1\/videos(\/([^/]+)\/remix)?$/,
      ([, , origin], { body }) => {
        const id = `video_${next++}`;
        const seen = { id, object: "video", model: body.model ?? "sora-2", status: "queued", progress: 0, created_at: 7, seconds: body.seconds ?? "4", size: body.size ?? "720x1280", secret_of_upstream: 1 };
        if (origin) seen.remixed_from_video_id = origin;
        take(id, seen);
        return seen;
      },
    ],
    ["GET", /^\/v1\/videos\/([^/]+)$/, ([, id]) => tasks.get(id)],
    [
      "POST",
      /\/mj\/submit\/|\/mj\/insight-face\/swap/,
      () => ({ code: 1, description: "Submit success", result: take(`mj-${next++}`, {}), properties: {} }),
    ],
    [
      "POST",
      /\/mj\/task\/list-by-condition$/,
      (_, { body }) =>
        body.ids.filter((id) => tasks.has(id)).map((id) => ({ id, status: "SUBMITTED", progress: "0%", ...tasks.get(id) })),
    ],
    ["GET", /\/mj\/task\/([^/]+)\/image-seed$/, () => ({ code: 1, description: "ok", result: "1234", properties: {} })],
  ];

  const server = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const text = Buffer.concat(parts).toString();
      const isJson = request.headers["content-type"]?.startsWith("application/json");
      const one = { method: request.method, path: request.url, headers: request.headers, text, body: isJson && text ? JSON.parse(text) : {} };
      asked.push(one);
      if (/^\/v1\/videos\/[^/]+\/content$/.test(request.url)) {
        const range = /bytes=(\d+)-/.exec(request.headers.range ?? "");
        const from = range ? Number(range[1]) : 0;
        response.writeHead(range ? 206 : 200, {
          "Content-Type": "video/mp4",
          "Set-Cookie": "upstream=1",
          ...(range ? { "Content-Range": `bytes ${from}-${film.length - 1}/${film.length}` } : {}),
        });
        return response.end(film.subarray(from));
      }
      if (request.url.startsWith("/picture")) {
        response.writeHead(200, { "Content-Type": "image/png", "Set-Cookie": "upstream=1" });
        return response.end("a picture");
      }
      const submits = /submit|remix|swap/.test(request.url) || (request.method === "POST" && request.url === "/v1/videos");
      if (refusal && submits) return json(response, refusal.status ?? 200, refusal.body);
      for (const [method, pattern, answer] of answers) {
        const match = request.method === method && pattern.exec(request.url);
        const body = match && answer(match, one);
        if (body) return json(response, 200, body);
      }
      json(response, 404, { error: { message: "no such thing" } });
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    asked,
    film: film.toString(),
    /** Requests whose path holds the text. */
    askedFor: (text) => asked.filter(({ path }) => path.includes(text)),
    /** From now on this is said of the task. */
    say: (id, what) => tasks.set(id, { ...tasks.get(id), ...what }),
    /** The task is not known any more. */
    forget: (id) => tasks.delete(id),
    /** Submissions are answered so; nothing: they are taken on again. */
    refuse(how) {
      refusal = how;
    },
    stop() {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}

/** A user with so much money and a key without a limit of its own. */
export async function customer(admin, url, username, quota) {
  const password = "a long password";
  await admin.call("POST", "/api/user/", { username, password, display_name: username });
  const account = await Account.login(url, username, password);
  await admin.call("PUT", "/api/user/", { id: account.id, username, group: "default", quota });
  return { account, token: await account.token() };
}
