/** The real alternative to an outbox: a loop over a nodemailer pool. Sends the same letter until it is ended. */
import { createTransport } from "nodemailer";

interface BareLoop {
  readonly port: number;
  readonly connections: number;
  readonly letter: string;
}

const { port, connections, letter }: BareLoop = JSON.parse(process.argv[2] as string);
const transport = createTransport({
  pool: true,
  host: "127.0.0.1",
  port,
  secure: false,
  ignoreTLS: true,
  maxConnections: connections,
  maxMessages: Number.POSITIVE_INFINITY,
});
const raw = Buffer.from(letter);

/** Two for each connection, so that none waits for the loop. */
for (let n = 0; n < connections * 2; n++) void sendForEver(n);

async function sendForEver(n: number): Promise<void> {
  for (let i = 0; ; i++) {
    const envelope = { from: "from@bench.example", to: [`r${n}.${i}@sink.example`] };
    await transport.sendMail({ envelope, raw, disableFileAccess: true, disableUrlAccess: true });
  }
}
