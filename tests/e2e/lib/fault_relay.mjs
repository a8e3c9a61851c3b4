// A TCP relay in front of a server: it can delay what passes, hold it back, swallow it by direction, connection or
// content, and cut connections.
import net from "node:net";

const remembered = 4096; // bytes of what a client said first

/** `port`: 0 for a free one. */
export async function startFaultRelay(targetPort, host = "127.0.0.1", { port: wanted = 0, target = host } = {}) {
  const state = { delay: 0, jitter: 0, held: false, swallow: { up: false, down: false }, rule: undefined, refuse: false };
  const connections = new Set();

  class Connection {
    constructor(client) {
      /** What the client said first, as latin1. */
      this.said = "";
      this.client = client;
      this.server = net.connect(targetPort, target);
      for (const socket of [this.client, this.server]) socket.setNoDelay(true);
      this.pass(this.client, this.server, "up");
      this.pass(this.server, this.client, "down");
      connections.add(this);
      client.on("close", () => connections.delete(this));
      if (state.held) this.hold();
    }
    pass(from, to, direction) {
      // In the order in which it came, also when the delay changes or varies: nothing overtakes what was sent before.
      const late = [];
      let last = 0;
      const next = () => {
        const bytes = late.shift();
        if (to.writable) to.write(bytes);
      };
      from.on("data", (bytes) => {
        if (direction === "up" && this.said.length < remembered) this.said += bytes.toString("latin1");
        if (state.swallow[direction] || state.rule?.(bytes, direction, this)) return;
        if (state.delay === 0 && late.length === 0) {
          to.write(bytes);
          return;
        }
        late.push(bytes);
        const now = performance.now();
        last = Math.max(last, now + state.delay + (2 * Math.random() - 1) * state.jitter);
        setTimeout(next, last - now);
      });
      from.on("close", () => to.destroy());
      from.on("error", () => to.destroy());
    }
    hold(on = true) {
      for (const socket of [this.client, this.server]) {
        if (on) socket.pause();
        else socket.resume();
      }
    }
    cut() {
      this.client.destroy();
      this.server.destroy();
    }
  }

  const server = net.createServer((client) => (state.refuse ? client.destroy() : new Connection(client)));
  await new Promise((done, fail) => server.once("error", fail).listen(wanted, host, done));
  const { port } = server.address();
  return {
    port,
    address: `${host}:${port}`,
    connections: () => connections.size,
    /** Milliseconds in each direction, each piece by up to `jitterMs` more or less. */
    delay(ms, jitterMs = 0) {
      state.delay = ms;
      state.jitter = Math.min(ms, jitterMs);
    },
    /** Nothing passes and nothing is lost: what was sent arrives when it is let go. */
    hold(on = true) {
      state.held = on;
      for (const connection of connections) connection.hold(on);
    },
    /** "up" towards the server, "down" towards the client; the connections stay. */
    swallow: (direction, on = true) => (state.swallow[direction] = on),
    /** Nothing passes any more, at once; with false it does again. */
    refuse(on = true) {
      state.refuse = on;
      if (on) this.cut();
    },
    /** `rule(bytes, direction, connection)` is asked about all that comes and says whether it is swallowed. */
    rule: (rule) => (state.rule = rule),
    cut() {
      for (const connection of connections) connection.cut();
    },
    async stop() {
      this.cut();
      await new Promise((done) => server.close(done));
    },
  };
}
