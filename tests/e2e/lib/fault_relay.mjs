// A TCP relay in front of a server: it can delay what passes, swallow one direction, or cut every connection.
import net from "node:net";

export async function startFaultRelay(targetPort, host = "127.0.0.1") {
  const state = { delay: 0, swallow: { up: false, down: false } };
  const pairs = new Set();
  const pass = (from, to, direction) => {
    from.on("data", (bytes) => {
      if (state.swallow[direction]) return;
      if (state.delay === 0) to.write(bytes);
      else setTimeout(() => to.writable && to.write(bytes), state.delay);
    });
    from.on("close", () => to.destroy());
    from.on("error", () => to.destroy());
  };
  const server = net.createServer((client) => {
    const upstream = net.connect(targetPort, host);
    const pair = [client, upstream];
    pairs.add(pair);
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    pass(client, upstream, "up");
    pass(upstream, client, "down");
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
    cut() {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
    },
    async stop() {
      this.cut();
      await new Promise((done) => server.close(done));
    },
  };
}
