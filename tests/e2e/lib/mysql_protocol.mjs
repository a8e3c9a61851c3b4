// As much of MySQL's protocol as stand-ins in front of a server need: packets, and the log-in of a client
// (dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html).
import { createHash } from "node:crypto";
import net from "node:net";

const sha1 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha1")).digest();
// LONG_PASSWORD FOUND_ROWS LONG_FLAG CONNECT_WITH_DB PROTOCOL_41 TRANSACTIONS SECURE_CONNECTION MULTI_RESULTS PLUGIN_AUTH
export const capabilities = 0x1 | 0x2 | 0x4 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x20000 | 0x80000;
export const plugin = "mysql_native_password";

/** Packets of a stream, one after the other: `next()` waits; undefined when it has ended. `next.release()` gives the
 *  stream to another reader, with what has come and was not read. */
export function packetsOf(socket) {
  let held = Buffer.alloc(0);
  let ended = false;
  let wake = () => {};
  const take = (bytes) => {
    held = held.length ? Buffer.concat([held, bytes]) : bytes;
    wake();
  };
  socket.on("data", take);
  socket.on("error", () => {});
  socket.on("close", () => {
    ended = true;
    wake();
  });
  const next = async () => {
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
  next.release = () => {
    socket.off("data", take);
    socket.pause();
    if (held.length) socket.unshift(held);
  };
  return next;
}

export const packet = (sequence, payload) => {
  const head = Buffer.alloc(4);
  head.writeUIntLE(payload.length, 0, 3);
  head[3] = sequence;
  return Buffer.concat([head, payload]);
};
export const ok = (sequence) => packet(sequence, Buffer.from([0, 0, 0, 2, 0, 0, 0]));
export const refusal = (code, text, sequence = 1) => {
  const head = Buffer.from([0xff, 0, 0]);
  head.writeUInt16LE(code, 1);
  return packet(sequence, Buffer.concat([head, Buffer.from(`#HY000${text}`)]));
};
const isEnd = (one) => one[4] === 0xfe && one.length < 13;

/** A connection to a server, logged in. */
export async function connect(server, database) {
  const socket = net.connect(server.port, server.host).setNoDelay(true);
  const next = packetsOf(socket);
  const scramble = (salt) => {
    const once = sha1(server.password);
    const mask = sha1(salt, sha1(once));
    return Buffer.from(once.map((byte, i) => byte ^ mask[i]));
  };
  const hello = await next();
  if (!hello || hello[4] === 0xff) throw Object.assign(new Error("the server refuses the connection"), { packet: hello });
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
  if (answer?.[4] !== 0) throw Object.assign(new Error(`no log-in: ${answer}`), { packet: answer });
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
