import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";

export interface SmtpMail {
  readonly user: string;
  readonly pass: string;
  readonly reversePath: string;
  readonly recipients: readonly string[];
  /** Header and body, CRLF line ends, no line that begins with a dot. */
  readonly content: string;
}

/** Submits one message over SMTP (RFC 6409); resolves with the last reply's code, or undefined where the server was lost. */
export async function submitBySmtp(port: number, mail: SmtpMail): Promise<number | undefined> {
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  socket.on("error", () => {}); // The replies end then, which is what counts.
  const replies: number[] = [];
  const waiting: (() => void)[] = [];
  let isOver = false;
  const lines = createInterface(socket);
  lines.on("error", () => {}); // The socket's errors come here too.
  lines.on("line", (line) => {
    if (line[3] !== "-") replies.push(Number(line.slice(0, 3)));
    waiting.shift()?.();
  });
  socket.once("close", () => {
    isOver = true;
    for (const wake of waiting.splice(0)) wake();
  });
  const reply = async (n: number): Promise<number | undefined> => {
    while (replies.length < n && !isOver) await new Promise<void>((resolve) => waiting.push(resolve));
    return replies[n - 1];
  };
  const login = Buffer.from(`\0${mail.user}\0${mail.pass}`).toString("base64");
  const commands = [
    "EHLO client.test",
    `AUTH PLAIN ${login}`,
    `MAIL FROM:<${mail.reversePath}>`,
    ...mail.recipients.map((recipient) => `RCPT TO:<${recipient}>`),
    "DATA",
    `${mail.content}\r\n.`,
  ];
  let code = await reply(1);
  for (const [at, command] of commands.entries()) {
    if (code === undefined || code >= 400) break;
    socket.write(`${command}\r\n`);
    code = await reply(at + 2);
  }
  socket.end("QUIT\r\n");
  if (!isOver) await once(socket, "close", { signal: AbortSignal.timeout(2_000) }).catch(() => socket.destroy());
  return code;
}
