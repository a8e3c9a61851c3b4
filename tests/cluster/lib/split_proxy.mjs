// A proxy before a MariaDB primary and its replica that splits reads, as ProxySQL does: a client has no server connection
// of its own but borrows any free one for each statement, or for a transaction; reads go to the replica unless they ask
// for the primary. Nothing of a session is kept: SET is answered and forgotten.
import net from "node:net";
import { capabilities, connect, ok, packet, packetsOf, plugin, refusal } from "../../e2e/lib/mysql_protocol.mjs";

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
