// A proxy before a MariaDB primary and its replica that splits reads, as ProxySQL does: a client has no server connection
// of its own but borrows any free one for each statement, or for a transaction; reads go to the replica unless they ask
// for the primary. Nothing of a session is kept: SET is answered and forgotten.
import { createHash } from "node:crypto";
import net from "node:net";

const sha1 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha1")).digest();
// LONG_PASSWORD FOUND_ROWS LONG_FLAG CONNECT_WITH_DB PROTOCOL_41 TRANSACTIONS SECURE_CONNECTION MULTI_RESULTS PLUGIN_AUTH
const capabilities = 0x1 | 0x2 | 0x4 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x20000 | 0x80000;
const plugin = "mysql_native_password";

/** Packets of a stream, one after the other: `next()` waits; undefined when it has ended. */
function packetsOf(socket) {
  let held = Buffer.alloc(0);
  let ended = false;
  let wake = () => {};
  socket.on("data", (bytes) => {
    held = held.length ? Buffer.concat([held, bytes]) : bytes;
    wake();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    ended = true;
    wake();
  });
  return async () => {
    for (;;) {
      const size = held.length >= 4 ? 4 + held.readUIntLE(0, 3) : Infinity;
      if (held.length >= size) {
        const packet = held.subarray(0, size);
        held = held.subarray(size);
        return packet;
      }
      if (ended) return undefined;
      await new Promise((done) => (wake = done));
    }
  };
}

const packet = (sequence, payload) => {
  const head = Buffer.alloc(4);
  head.writeUIntLE(payload.length, 0, 3);
  head[3] = sequence;
  return Buffer.concat([head, payload]);
};
const ok = (sequence) => packet(sequence, Buffer.from([0, 0, 0, 2, 0, 0, 0]));
const refusal = (code, text) => {
  const head = Buffer.from([0xff, 0, 0]);
  head.writeUInt16LE(code, 1);
  return packet(1, Buffer.concat([head, Buffer.from(`#HY000${text}`)]));
};
const isEnd = (one) => one[4] === 0xfe && one.length < 13;

/** A connection to a server, logged in. */
async function connect(server, database) {
  const socket = net.connect(server.port, server.host).setNoDelay(true);
  const next = packetsOf(socket);
  const scramble = (salt) => {
    const once = sha1(server.password);
    const mask = sha1(salt, sha1(once));
    return Buffer.from(once.map((byte, i) => byte ^ mask[i]));
  };
  const hello = await next();
  if (!hello || hello[4] === 0xff) throw new Error("the server refuses the connection");
  const at = hello.indexOf(0, 5) + 5; // behind version and thread
  const salt = Buffer.concat([hello.subarray(at, at + 8), hello.subarray(at + 27, at + 39)]);
  const head = Buffer.alloc(32);
  head.writeUInt32LE(capabilities, 0);
  head.writeUInt32LE(1 << 24, 4);
  head[8] = 45; // utf8mb4
  const auth = scramble(salt);
  socket.write(packet(1, Buffer.concat([head, Buffer.from("root\0"), Buffer.from([auth.length]), auth, Buffer.from(`${database}\0${plugin}\0`)])));
  let answer = await next();
  if (answer?.[4] === 0xfe) {
    const other = answer.subarray(answer.indexOf(0, 5) + 1, -1);
    socket.write(packet(answer[3] + 1, scramble(other)));
    answer = await next();
  }
  if (answer?.[4] !== 0) throw new Error(`no log-in: ${answer}`);
  return {
    socket,
    /** Sends a command and passes the answer on; false when the server is gone. */
    async ask(command, client) {
      socket.write(command);
      const first = await next();
      if (!first) return false;
      client.write(first);
      if (first[4] === 0x00 || first[4] === 0xff) return true;
      for (let ends = 0; ends < 2; ) {
        const one = await next();
        if (!one) return false;
        client.write(one);
        if (one[4] === 0xff) return true;
        if (isEnd(one)) ++ends;
      }
      return true;
    },
  };
}

/** Connections to one server, lent for a statement or a transaction, whichever is free. */
function poolOf(server, database, size = 8) {
  const free = [];
  const waiting = [];
  let open = 0;
  return {
    async take() {
      if (free.length > 0) return free.splice(Math.floor(Math.random() * free.length), 1)[0];
      if (open >= size) return new Promise((done) => waiting.push(done));
      ++open;
      return connect(server, database).catch((error) => {
        --open;
        throw error;
      });
    },
    give(connection) {
      if (connection.socket.destroyed) --open;
      else if (waiting.length > 0) waiting.shift()(connection);
      else free.push(connection);
    },
    close() {
      for (const { socket } of free) socket.destroy();
    },
  };
}

/** `counts` says how many statements went where. `busy(true)`: it answers 9001, as ProxySQL without a primary. */
export async function startSplitProxy(primary, replica, database) {
  const pools = { primary: poolOf(primary, database), replica: poolOf(replica, database) };
  const counts = { primary: 0, replica: 0, set: 0, refused: 0 };
  const clients = new Set();
  let busy = false;
  async function serve(client) {
    const next = packetsOf(client);
    const salt = Buffer.from("abcdefghijklmnopqrst");
    const [low, high] = [Buffer.alloc(2), Buffer.alloc(2)];
    low.writeUInt16LE(capabilities & 0xffff, 0);
    high.writeUInt16LE(capabilities >>> 16, 0);
    client.write(packet(0, Buffer.concat([
      Buffer.from("\x0a5.5.5-10.11.0-MariaDB-split\0", "latin1"), Buffer.from([1, 0, 0, 0]), salt.subarray(0, 8), Buffer.from([0]), low,
      Buffer.from([45, 2, 0]), high, Buffer.from([21]), Buffer.alloc(10), salt.subarray(8), Buffer.from(`\0${plugin}\0`),
    ])));
    if (!(await next())) return;
    client.write(ok(2));
    let transaction;
    for (;;) {
      const command = await next();
      if (!command || command[4] === 1) break; // COM_QUIT
      const text = command[4] === 3 ? command.toString("utf8", 5) : "";
      if (command[4] === 0x0e || /^SET /i.test(text)) {
        ++counts.set;
        client.write(ok(1));
        continue;
      }
      const bare = text.replace(/^\/\*.*?\*\/ */, "");
      const reads = /^SELECT/i.test(bare) && !/FOR UPDATE/i.test(bare) && !text.includes("tg:rw");
      const where = transaction || !reads ? "primary" : "replica";
      if (busy && !transaction && where === "primary") {
        ++counts.refused;
        client.write(refusal(9001, "Max connect timeout reached while reaching hostgroup 0 after 10000ms"));
        continue;
      }
      ++counts[where];
      const connection = transaction ?? (await pools[where].take());
      if (/^(START TRANSACTION|BEGIN)/i.test(bare)) transaction = connection;
      const answered = await connection.ask(command, client);
      if (!answered) connection.socket.destroy();
      if (/^(COMMIT|ROLLBACK)/i.test(bare)) transaction = undefined;
      if (transaction !== connection || !answered) pools[where].give(connection);
      if (!answered) {
        transaction = undefined;
        break;
      }
    }
    // What was begun and not ended is undone with its connection.
    transaction?.socket.destroy();
    if (transaction) pools.primary.give(transaction);
  }
  const server = net.createServer((client) => {
    clients.add(client.setNoDelay(true));
    client.on("close", () => clients.delete(client));
    serve(client).catch(() => {}).finally(() => client.destroy());
  });
  await new Promise((done, fail) => server.once("error", fail).listen(0, "127.0.0.1", done));
  return {
    port: server.address().port,
    counts,
    busy: (on) => (busy = on),
    async stop() {
      for (const client of clients) client.destroy();
      for (const pool of Object.values(pools)) pool.close();
      await new Promise((done) => server.close(done));
    },
  };
}
