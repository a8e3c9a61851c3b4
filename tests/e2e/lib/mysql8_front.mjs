// What MySQL 8 does and MariaDB does not, before a MariaDB server, because Debian has no MySQL: it greets as MySQL 8,
// logs in by caching_sha2_password (or sha256_password) as that server does, refuses words and forms that MySQL 8 does
// not take, and passes the rest on. Each client has a connection of its own to the server behind.
import { constants, createHash, generateKeyPairSync, privateDecrypt, randomBytes } from "node:crypto";
import net from "node:net";
import tls from "node:tls";
import { capabilities, connect, ok, packet, packetsOf, refusal } from "./mysql_protocol.mjs";

const version = "8.0.42";
const SSL = 0x800;

// Reserved in MySQL 8.0 to 9.x and not in MariaDB 10.11 (dev.mysql.com/doc/refman/9.1/en/keywords.html).
const reserved = new Set(
  ("CUBE CUME_DIST DENSE_RANK EMPTY FIRST_VALUE FUNCTION GROUPING GROUPS JSON_TABLE LAG LAST_VALUE LATERAL LEAD LIBRARY MANUAL " +
    "NTH_VALUE NTILE OF PARALLEL PERCENT_RANK QUALIFY RANK ROW_NUMBER SYSTEM TABLESAMPLE WINDOW VIRTUAL STORED").split(" "),
);
const functions = new Set(["CUME_DIST", "DENSE_RANK", "FIRST_VALUE", "LAG", "LAST_VALUE", "LEAD", "NTILE", "PERCENT_RANK", "RANK", "ROW_NUMBER", "JSON_TABLE"]);

/** Why MySQL 8 would not take the statement; undefined when nothing is known against it. */
export function refusedByMysql8(statement) {
  const bare = statement
    .replace(/\/\*[^!][\s\S]*?\*\//g, " ")
    .replace(/'(?:[^'\\]|\\.|'')*'/g, "''")
    .replace(/`[^`]*`/g, "``");
  for (const [, word, after] of bare.matchAll(/\b([A-Za-z_]+)\b\s*(\(?)/g)) {
    const upper = word.toUpperCase();
    if (reserved.has(upper) && !(after && functions.has(upper)) && !(upper === "OF" && /FOR (UPDATE|SHARE) OF/i.test(bare)))
      return `${word} is a reserved word`;
  }
  if (/\b(ADD|DROP)\s+(COLUMN\s+|INDEX\s+)?IF\s+(NOT\s+)?EXISTS|CREATE\s+(UNIQUE\s+)?INDEX\s+IF\s+NOT|DROP\s+INDEX\s+IF/i.test(bare))
    return "IF EXISTS is not known here";
  if (/\bRETURNING\b/i.test(bare)) return "RETURNING is not known";
  if (/\b(max_statement_time|tx_isolation|idle_transaction_timeout)\b/i.test(bare)) return "an unknown variable";
  if (/\b(tiny|medium|long)?(text|blob|json)\b[^,]*\bDEFAULT\s+(''|\d)/i.test(bare)) return "a text column can't have a default";
  if (/\bSET\s+STATEMENT\b|\bCREATE\s+OR\s+REPLACE\s+TABLE\b|\bSEQUENCE\b/i.test(bare)) return "a form of MariaDB";
  return undefined;
}

/** The statement in MariaDB's words. */
const translated = (statement) =>
  statement
    .replace(/max_execution_time = (\d+)/g, (_, ms) => `max_statement_time = ${Number(ms) / 1000}`)
    .replace(/\btransaction_isolation\b/g, "tx_isolation")
    .replace(/\bVERSION\(\)/g, `'${version}'`);

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const xored = (bytes, mask) => Buffer.from(bytes.map((byte, i) => byte ^ mask[i % mask.length]));

/**
 * `server`: a MariaDB server of databases.mjs. `plugin`: how it wants users to log in. `certificate`: { key, cert }, PEM
 * texts, with which it also speaks TLS. `logins` tells how each came in: "fast", "rsa", "tls" or "refused";
 * `refused` lists what a MySQL 8 would not have taken. `forget()`: the next log-in is a full one again.
 */
export async function startMysql8Front(server, { plugin = "caching_sha2_password", certificate, port = 0 } = {}) {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = Buffer.from(publicKey.export({ type: "spki", format: "pem" }));
  const clients = new Set();
  const logins = [];
  const refused = [];
  let known = false; // whether the server has the password's hash in its cache

  const greeting = (salt) => {
    const offered = capabilities | (certificate ? SSL : 0);
    const [low, high] = [Buffer.alloc(2), Buffer.alloc(2)];
    low.writeUInt16LE(offered & 0xffff, 0);
    high.writeUInt16LE(offered >>> 16, 0);
    return packet(0, Buffer.concat([
      Buffer.from(`\x0a${version}\0`, "latin1"), Buffer.from([1, 0, 0, 0]), salt.subarray(0, 8), Buffer.from([0]), low,
      Buffer.from([255, 2, 0]), high, Buffer.from([21]), Buffer.alloc(10), salt.subarray(8), Buffer.from(`\0${plugin}\0`),
    ]));
  };

  /** Name, proof and database of a HandshakeResponse41. */
  const response = (bytes) => {
    let at = 4 + 32;
    const text = () => {
      const end = bytes.indexOf(0, at);
      const found = bytes.toString("utf8", at, end);
      at = end + 1;
      return found;
    };
    const user = text();
    const proof = bytes.subarray(at + 1, at + 1 + bytes[at]);
    at += 1 + bytes[at];
    return { user, proof, database: text() };
  };

  /** Whether the client knows the password, and how it showed that. `talk`: send and receive. */
  async function proves(talk, proof, salt, encrypted) {
    const password = Buffer.from(server.password);
    if (plugin === "caching_sha2_password") {
      const once = sha256(password);
      const right = xored(once, sha256(sha256(once), salt));
      if (proof.length === 0) return undefined;
      if (known && right.equals(proof)) {
        talk.send(Buffer.from([1, 3]));
        return "fast";
      }
      talk.send(Buffer.from([1, 4]));
    }
    // In full: in clear within TLS, else by the server's public key, which is asked for.
    let told = plugin === "caching_sha2_password" ? await talk.receive() : proof;
    if (told?.length === 1 && told[0] <= 2 && !encrypted) {
      talk.send(Buffer.concat([Buffer.from([1]), pem]));
      const sealed = await talk.receive();
      if (!sealed) return undefined;
      const open = privateDecrypt({ key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" }, sealed);
      told = xored(open, salt);
    }
    if (!told || !told.equals(Buffer.concat([password, Buffer.from([0])]))) return undefined;
    known = true;
    return encrypted ? "tls" : "rsa";
  }

  async function serve(raw) {
    let socket = raw;
    let next = packetsOf(socket);
    const salt = Buffer.from(randomBytes(20).map((byte) => (byte % 94) + 33));
    socket.write(greeting(salt));
    let answer = await next();
    if (!answer) return;
    const encrypted = (answer.readUInt32LE(4) & SSL) !== 0;
    if (encrypted) {
      next.release();
      socket = new tls.TLSSocket(raw, { isServer: true, secureContext: tls.createSecureContext(certificate) });
      socket.on("error", () => {});
      next = packetsOf(socket);
      answer = await next();
      if (!answer) return;
    }
    let sequence = answer[3];
    const talk = {
      send: (payload) => socket.write(packet(++sequence, payload)),
      receive: async () => {
        const one = await next();
        if (one) sequence = one[3];
        return one?.subarray(4);
      },
    };
    const { user, proof, database } = response(answer);
    const how = user === "root" ? await proves(talk, proof, salt, encrypted) : undefined;
    logins.push(how ?? "refused");
    if (!how) return void socket.write(refusal(1045, `Access denied for user '${user}'@'localhost' (using password: YES)`, ++sequence));
    let behind;
    try {
      behind = await connect(server, database);
    } catch (error) {
      if (!error.packet) return;
      error.packet[3] = ++sequence;
      return void socket.write(error.packet);
    }
    behind.socket.once("close", () => socket.destroy());
    socket.once("close", () => behind.socket.destroy());
    socket.write(ok(++sequence));
    for (;;) {
      let command = await next();
      if (!command || command[4] === 1) break; // COM_QUIT
      if (command[4] === 3) {
        const text = command.toString("latin1", 5);
        const why = refusedByMysql8(text);
        if (why) {
          refused.push(`${why}: ${text}`);
          socket.write(refusal(1064, `You have an error in your SQL syntax (${why})`));
          continue;
        }
        command = packet(0, Buffer.concat([Buffer.from([3]), Buffer.from(translated(text), "latin1")]));
      }
      if (!(await behind.ask(command, socket))) break;
    }
    behind.socket.destroy();
  }

  const listener = net.createServer((client) => {
    clients.add(client.setNoDelay(true));
    client.on("error", () => {});
    client.on("close", () => clients.delete(client));
    serve(client).catch(() => {}).finally(() => client.end());
  });
  await new Promise((done, fail) => listener.once("error", fail).listen(port, "127.0.0.1", done));
  return {
    port: listener.address().port,
    logins,
    refused,
    forget: () => (known = false),
    async stop() {
      for (const client of clients) client.destroy();
      await new Promise((done) => listener.close(done));
    },
  };
}
