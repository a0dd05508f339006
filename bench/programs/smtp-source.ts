/** Submits mail over SMTP as fast as it is taken: sessions that stay, MAIL, RCPT and DATA in one write (RFC 2920). */
import { connect } from "node:net";

interface SmtpSource {
  readonly port: number;
  readonly sessions: number;
  readonly seconds: number;
  readonly letter: string;
  /** With it each session says AUTH PLAIN first. */
  readonly auth?: { readonly user: string; readonly pass: string };
}

const { port, sessions, seconds, letter, auth }: SmtpSource = JSON.parse(process.argv[2] as string);
const content = `${letter.replaceAll(/^\./gm, "..")}.\r\n`;
const until = performance.now() + seconds * 1_000;
let accepted = 0;

const counts = await Promise.all(Array.from({ length: sessions }, (_, n) => session(n)));
process.send?.({ accepted: counts.reduce((sum, count) => sum + count, 0) });
process.disconnect?.();

/** One connection; resolves with how many messages it had accepted. */
async function session(n: number): Promise<number> {
  const socket = connect(port, "127.0.0.1").setNoDelay(true).setEncoding("latin1");
  const replies = readReplies(socket);
  await replies(1);
  socket.write("EHLO bench.example\r\n");
  await replies(1);
  if (auth) {
    const token = Buffer.from(`\0${auth.user}\0${auth.pass}`).toString("base64");
    socket.write(`AUTH PLAIN ${token}\r\n`);
    await replies(1, "235");
  }
  let count = 0;
  while (performance.now() < until) {
    const recipient = `r${n}.${count}@sink.example`;
    socket.write(`MAIL FROM:<from@bench.example>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`);
    await replies(3, "354");
    socket.write(content);
    await replies(1, "250");
    count++;
    accepted++;
  }
  socket.end("QUIT\r\n");
  return count;
}

/** Waits for a number of replies (RFC 5321, 4.2), of which the last must begin with `code`. */
function readReplies(socket: ReturnType<typeof connect>) {
  let heard = "";
  let wanted = 0;
  let code = "";
  let done: PromiseWithResolvers<void> | undefined;
  const look = () => {
    while (wanted > 0) {
      const end = heard.indexOf("\n");
      if (end < 0) return;
      const line = heard.slice(0, end);
      heard = heard.slice(end + 1);
      if (line[3] === "-") continue;
      wanted--;
      if (wanted === 0 && !line.startsWith(code)) done?.reject(new Error(`expected ${code} and got ${line}`));
      else if (wanted === 0) done?.resolve();
    }
  };
  socket.on("data", (chunk) => {
    heard += chunk;
    look();
  });
  socket.once("error", (error) => done?.reject(error));
  socket.once("close", () => done?.reject(new Error(`the server hung up after ${accepted} messages`)));
  return (count: number, last = "2") => {
    wanted = count;
    code = last;
    done = Promise.withResolvers();
    look();
    return done.promise;
  };
}
