// A mail server that takes every mail and keeps it: EHLO, AUTH PLAIN, MAIL, RCPT, DATA, QUIT (RFC 5321).
import { createServer } from "node:net";

export async function startSmtpServer(address = "127.0.0.1") {
  const mails = []; // {from, to, auth, headers, html}
  const said = []; // every line of clients
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    let rest = "";
    let data;
    let mail = { to: [] };
    const say = (line) => socket.write(`${line}\r\n`);
    const command = (line) => {
      said.push(line);
      const verb = line.split(" ")[0].toUpperCase();
      if (verb === "EHLO") return socket.write("250-test\r\n250 AUTH PLAIN\r\n");
      if (verb === "AUTH") {
        const [, how, initial] = line.split(" ");
        mail.auth = { how, text: "" };
        return initial === undefined ? say("334 ") : response(initial);
      }
      if (verb === "MAIL") mail.from = /<(.*?)>/.exec(line)[1];
      if (verb === "RCPT") mail.to.push(/<(.*?)>/.exec(line)[1]);
      if (verb === "DATA") {
        data = [];
        return say("354 go on");
      }
      if (verb === "QUIT") return socket.end("221 bye\r\n");
      return say("250 ok");
    };
    const response = (text) => {
      mail.auth.text = Buffer.from(text, "base64").toString();
      return say("235 ok");
    };
    const line = (text) => {
      if (mail.auth?.text === "") return response(text);
      if (data === undefined) return command(text);
      if (text !== ".") return data.push(text.startsWith(".") ? text.slice(1) : text);
      const blank = data.indexOf("");
      mail.headers = data.slice(0, blank);
      mail.html = Buffer.from(data.slice(blank + 1).join(""), "base64").toString();
      mails.push(mail);
      mail = { to: [] };
      data = undefined;
      return say("250 taken");
    };
    socket.setEncoding("latin1");
    socket.on("data", (text) => {
      rest += text;
      for (let end; (end = rest.indexOf("\r\n")) >= 0; rest = rest.slice(end + 2)) line(rest.slice(0, end));
    });
    say("220 test");
  });
  await new Promise((done) => server.listen(0, address, done));
  return {
    port: server.address().port,
    mails,
    said,
    stop() {
      for (const socket of sockets) socket.destroy();
      return new Promise((done) => server.close(done));
    },
  };
}
