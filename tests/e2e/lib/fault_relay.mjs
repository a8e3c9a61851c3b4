// A TCP relay in front of a server: it can delay what passes, swallow one direction, or cut every connection.
import net from "node:net";

export async function startFaultRelay(targetPort, host = "127.0.0.1") {
  const state = { refuse: false, delay: 0, swallow: { up: false, down: false }, commit: null, lost: 0 };
  const pairs = new Set();
  // The connection that has sent the text breaks at its COMMIT.
  const breaks = (bytes, pair, direction, to) => {
    if (pair.broken) return true;
    if (!state.commit || direction !== "up") return false;
    if (bytes.includes(state.commit.after)) pair.marked = state.commit;
    if (pair.marked !== state.commit || !bytes.includes("COMMIT")) return false;
    pair.broken = true;
    if (state.commit.reached) to.write(bytes);
    state.commit = null;
    state.lost += 1;
    setTimeout(() => pair.forEach((socket) => socket.destroy()), 300);
    return true;
  };
  const pass = (from, to, direction, pair) => {
    from.on("data", (bytes) => {
      if (state.swallow[direction] || breaks(bytes, pair, direction, to)) return;
      if (state.delay === 0) to.write(bytes);
      else setTimeout(() => to.writable && to.write(bytes), state.delay);
    });
    from.on("close", () => to.destroy());
    from.on("error", () => to.destroy());
  };
  const server = net.createServer((client) => {
    if (state.refuse) return client.destroy();
    const upstream = net.connect(targetPort, host);
    const pair = [client, upstream];
    pairs.add(pair);
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    pass(client, upstream, "up", pair);
    pass(upstream, client, "down", pair);
    client.on("close", () => pairs.delete(pair));
  });
  await new Promise((done, fail) => server.once("error", fail).listen(0, host, done));
  const { port } = server.address();
  return {
    port,
    address: `${host}:${port}`,
    connections: () => pairs.size,
    /** Milliseconds in each direction. */
    delay: (ms) => (state.delay = ms),
    /** "up" towards the server, "down" towards the client; the connections stay. */
    swallow: (direction, on = true) => (state.swallow[direction] = on),
    /** The next COMMIT of a connection that has sent the text `after` is lost, or only its answer when it is `reached`. */
    loseCommit: (after, { reached }) => (state.commit = { after, reached }),
    lost: () => state.lost,
    /** Nothing passes any more, at once; with false it does again. */
    refuse(on = true) {
      state.refuse = on;
      if (on) this.cut();
    },
    cut() {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
    },
    async stop() {
      this.cut();
      await new Promise((done) => server.close(done));
    },
  };
}
