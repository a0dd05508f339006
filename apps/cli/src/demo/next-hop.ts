import { listen } from "@mailfleet/service";
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from "smtp-server";
import type { LetterBox } from "./letter-box.ts";
import { createGrudge, type Temper, temperOf } from "./temper.ts";

/** The SMTP server that the demo account sends to. Everything it takes goes into a letter box. */
export interface DemoNextHop extends AsyncDisposable {
  readonly host: "127.0.0.1";
  readonly port: number;
}

/** A mailbox behind the next hop: what comes for its address goes there too. */
export interface DemoMailbox {
  readonly address: string;
  /** Resolves with whether it took the message. */
  deliver(message: { readonly reversePath: string; readonly content: Buffer }): Promise<boolean>;
}

const maxMessageBytes = 32 * 1024 * 1024;
/** How far a Message-ID is looked for. */
const headerBytes = 64 * 1024;
const maxClients = 100;
const slowMs = 5_000;
const closeTimeoutMs = 1_000;

class SmtpRefusal extends Error {
  readonly responseCode: number;

  constructor(responseCode: number, text: string) {
    super(text);
    this.responseCode = responseCode;
  }
}

/** Listens on loopback only, on a free port unless one is given: it takes mail from whoever can reach it. */
export async function startDemoNextHop(
  box: LetterBox,
  { port = 0, mailbox }: { readonly port?: number; readonly mailbox?: DemoMailbox } = {},
): Promise<DemoNextHop> {
  const putsOff = createGrudge(2);
  const drops = createGrudge(1);
  const slowOnes = new Set<NodeJS.Timeout>();

  const server = new SMTPServer({
    banner: "demo next hop",
    disabledCommands: ["AUTH", "STARTTLS"],
    disableReverseLookup: true,
    // The library would put codes of its own before those that the replies below have.
    hideENHANCEDSTATUSCODES: true,
    size: maxMessageBytes,
    maxClients,
    closeTimeout: closeTimeoutMs,
    onRcptTo({ address }, _, callback) {
      callback(temperOf(address) === "fail" ? new SmtpRefusal(550, "5.1.1 nobody of that name lives here") : undefined);
    },
    onData(stream, session, callback) {
      const recipients = session.envelope.rcptTo.map(({ address }) => address);
      const has = (temper: Temper) => recipients.some((recipient) => temperOf(recipient) === temper);
      const take = async (content: Buffer) => {
        // Only with the content do we know which message it is, so a message that is put off takes its company along.
        const message = `${messageIdOf(content)} ${recipients.join()}`;
        if (has("later") && putsOff(message)) return callback(new SmtpRefusal(451, "4.7.1 come back later"));
        const isForMailbox = mailbox !== undefined && recipients.some((one) => one.toLowerCase() === mailbox.address);
        if (isForMailbox && !(await mailbox.deliver({ reversePath: reversePathOf(session), content }))) {
          return callback(new SmtpRefusal(451, "4.3.0 the mailbox behind does not take it now"));
        }
        const { number } = box.keep({ reversePath: reversePathOf(session), recipients, content });
        if (has("drop") && drops(message)) return hangUp(server, session);
        callback(null, `2.0.0 kept as message ${number}`);
      };
      const receive = async () => {
        const content = await collect(stream);
        if (stream.sizeExceeded || !content) return callback(new SmtpRefusal(552, "5.3.4 message too big"));
        if (!has("slow")) return take(content);
        const timer = setTimeout(() => {
          slowOnes.delete(timer);
          take(content).catch(callback);
        }, slowMs);
        slowOnes.add(timer);
      };
      receive().catch(callback);
    },
  });
  server.on("error", () => {}); // Trouble with one client; it has seen it, and nobody else need to.

  // A server of node:net, which listens and fails as one of node:http does.
  const taken = await listen(
    server.server as unknown as Parameters<typeof listen>[0],
    "127.0.0.1",
    port,
    "the demo next hop's port",
  );
  return {
    host: "127.0.0.1",
    port: taken,
    [Symbol.asyncDispose]: async () => {
      for (const timer of slowOnes) clearTimeout(timer);
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      await closed.promise;
    },
  };
}

const reversePathOf = (session: SMTPServerSession): string =>
  session.envelope.mailFrom ? session.envelope.mailFrom.address : "";

const messageIdOf = (content: Buffer): string =>
  /^message-id:\s*(<[^>\r\n]{1,500}>)/im.exec(content.toString("latin1", 0, headerBytes))?.[1] ?? "";

/** Resolves with nothing when the message is larger than the limit; the rest of it is read and forgotten. */
async function collect(stream: SMTPServerDataStream): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes <= maxMessageBytes) pieces.push(piece);
    else pieces.length = 0;
  }
  return bytes <= maxMessageBytes ? Buffer.concat(pieces) : undefined;
}

/** Destroys the client's connection: the library has no reply for "none at all". */
function hangUp(server: SMTPServer, session: SMTPServerSession): void {
  for (const connection of server.connections) {
    if (connection.id === session.id) connection._socket.destroy();
  }
}
