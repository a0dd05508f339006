import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";

/** What a server said to one command. */
export interface ImapReply {
  readonly status: "OK" | "NO" | "BAD";
  /** What follows the status, such as `[READ-ONLY] done`. */
  readonly text: string;
  /** The untagged responses since the command before this one, literals and all, without `* ` and the line's end. */
  readonly untagged: readonly string[];
}

/** A bare IMAP connection, for saying exactly this and hearing exactly what comes back (RFC 9051). */
export interface ImapClient extends AsyncDisposable {
  readonly greeting: string;
  /** True once TLS is in force. */
  readonly secure: boolean;
  /**
   * Says a command without its tag, and `rest` if the server asks for more. Resolves with its reply, whatever that
   * is; rejects when the server hangs up.
   */
  say(command: string, rest?: string): Promise<ImapReply>;
  /** As `say`, and rejects where the reply is not OK; resolves with what was untagged. */
  done(command: string): Promise<readonly string[]>;
  /** Appends with a literal, as clients do: it waits until the server asks for it. */
  append(folder: string, content: string, flags?: readonly string[]): Promise<ImapReply>;
  startTls(ca: string): Promise<void>;
  /** Sends IDLE, and resolves once the server has taken it; `say("DONE")` is not for here: call `endIdle`. */
  idle(): Promise<void>;
  endIdle(): Promise<ImapReply>;
  /** Resolves with the first untagged response that fits, from those that no reply has taken with it. */
  hears(pattern: RegExp): Promise<string>;
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;
  close(): void;
}

const hearLimitMs = 15_000;

export interface ImapClientOptions {
  readonly port: number;
  /** TLS from the first byte, with this authority; PEM. */
  readonly ca?: string;
}

/** Connects and waits for the greeting. */
export async function openImapClient({ port, ca }: ImapClientOptions): Promise<ImapClient> {
  let socket: Socket | TLSSocket = ca
    ? connectTls({ host: "localhost", port, ca, servername: "localhost" })
    : connect({ host: "127.0.0.1", port });
  let secure = ca !== undefined;
  let buffered = "";
  let untagged: string[] = [];
  let failure: Error | undefined;
  let tags = 0;
  /** Asked again after everything that is heard; false when the wait is over. */
  const waiting = new Set<() => void>();
  const closed = Promise.withResolvers<void>();

  const wake = () => {
    for (const look of [...waiting]) look();
  };
  const tagged: string[] = [];
  const listen = () => {
    socket.setEncoding("latin1");
    socket.on("data", (data: string) => {
      buffered += data;
      for (let line = cutLine(); line !== undefined; line = cutLine()) {
        if (line.startsWith("* ")) untagged.push(line.slice(2));
        else tagged.push(line);
      }
      wake();
    });
    socket.on("error", (error) => {
      failure ??= error;
    });
    socket.on("close", () => {
      failure ??= new Error("the IMAP server hung up");
      closed.resolve();
      wake();
    });
  };
  /** One response, with its literals. */
  const cutLine = (): string | undefined => {
    let end = 0;
    for (;;) {
      const lineEnd = buffered.indexOf("\r\n", end);
      if (lineEnd < 0) return undefined;
      const literal = /\{(\d+)\}$/.exec(buffered.slice(end, lineEnd));
      if (!literal) {
        const line = buffered.slice(0, lineEnd);
        buffered = buffered.slice(lineEnd + 2);
        return line;
      }
      end = lineEnd + 2 + Number(literal[1]);
      if (buffered.length < end) return undefined;
    }
  };
  const until = <T>(what: string, look: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        waiting.delete(check);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`${what} was not heard within ${hearLimitMs} ms; heard: ${untagged.join(" | ")}`));
      }, hearLimitMs);
      const check = () => {
        const found = look();
        if (found === undefined && failure === undefined) return;
        end();
        if (found === undefined) reject(failure);
        else resolve(found);
      };
      waiting.add(check);
      check();
    });

  const send = (command: string): string => {
    const tag = `t${++tags}`;
    socket.write(`${tag} ${command}\r\n`, "latin1");
    return tag;
  };
  const takeTagged = (prefix: string): string | undefined => {
    const at = tagged.findIndex((line) => line.startsWith(prefix));
    return at < 0 ? undefined : tagged.splice(at, 1)[0];
  };
  const reply = async (tag: string): Promise<ImapReply> => {
    const line = await until(`a reply to ${tag}`, () => takeTagged(`${tag} `));
    const [, status = "", ...words] = line.split(" ");
    const heard = untagged;
    untagged = [];
    return { status: status as ImapReply["status"], text: words.join(" "), untagged: heard };
  };
  const say = async (command: string, rest?: string): Promise<ImapReply> => {
    if (rest === undefined) return reply(send(command));
    const { tag, refused } = await begin(command);
    if (refused) return refused;
    socket.write(`${rest}\r\n`, "latin1");
    return reply(tag);
  };
  /** Sends the start of a command; undefined where the server asks for its rest, its reply where it refuses. */
  const begin = async (command: string) => {
    const tag = send(command);
    const asked = await until(
      "a continuation",
      () => takeTagged("+") ?? tagged.find((line) => line.startsWith(`${tag} `)),
    );
    return { tag, refused: asked.startsWith("+") ? undefined : await reply(tag) };
  };
  let idleTag = "";

  listen();
  const greeting = await until("a greeting", () => untagged.shift());
  return {
    greeting,
    get secure() {
      return secure;
    },
    say,
    async done(command) {
      const { status, text, untagged: heard } = await say(command);
      if (status !== "OK") throw new Error(`${command} was answered ${status} ${text}`);
      return heard;
    },
    append(folder, content, flags = []) {
      const bytes = Buffer.from(content).toString("latin1");
      return say(`APPEND "${folder}" (${flags.join(" ")}) {${bytes.length}}`, bytes);
    },
    async startTls(authority) {
      await say("STARTTLS");
      socket.removeAllListeners();
      const plain = socket;
      plain.on("error", () => {}); // The TLS socket above it tells.
      socket = connectTls({ socket: plain, ca: authority, servername: "localhost" });
      listen();
      await once(socket, "secureConnect");
      secure = true;
    },
    async idle() {
      const { tag, refused } = await begin("IDLE");
      if (refused) throw new Error(`IDLE was answered ${refused.status} ${refused.text}`);
      idleTag = tag;
    },
    endIdle() {
      socket.write("DONE\r\n");
      return reply(idleTag);
    },
    hears: (pattern) =>
      until(String(pattern), () => {
        const at = untagged.findIndex((response) => pattern.test(response));
        return at < 0 ? undefined : untagged.splice(at, 1)[0];
      }),
    closed: closed.promise,
    close: () => socket.destroy(),
    async [Symbol.asyncDispose]() {
      socket.destroy();
    },
  };
}
