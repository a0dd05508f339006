/** Logs in to an IMAP server over so many TLS sockets of Node's own, and leaves them idle: what TLS alone costs. */
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";

const [, , json = "{}"] = process.argv;
const { port, caPem, pass, users }: { port: number; caPem: string; pass: string; users: readonly string[] } =
  JSON.parse(json);
const open: TLSSocket[] = [];

for (const user of users) {
  const socket = connect({ host: "127.0.0.1", port, ca: caPem, minVersion: "TLSv1.2" });
  open.push(socket);
  let heard = "";
  socket.setEncoding("latin1").on("data", (data) => {
    heard = data;
  });
  await once(socket, "data"); // The greeting.
  socket.write(`a LOGIN ${user} ${pass}\r\n`);
  while (!/^a OK/m.test(heard)) await once(socket, "data");
}
process.send?.({ open: open.length });
