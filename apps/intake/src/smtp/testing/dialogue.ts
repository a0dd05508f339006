/**
 * SMTP dialogues as text, played over a raw socket.
 *
 *     C: EHLO client.example          a line that the client sends; lines that follow each other go out in one write
 *     C> MAIL FROM:<a@b>\r\n\0        the same without a line end; \r, \n, \0, \t, \\ and \xff are escapes
 *     S: 250-mail.example             a line that the server must answer; * stands for anything
 *     S: <closed>                     the server closes the connection
 *     K: ann@example.org > bob@example.net, cy@example.com       what has been kept in the end, message by message
 *
 * {token} stands for the credentials of the rig, as AUTH PLAIN takes them. Other lines are for people.
 */
import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";

export type Step =
  | { readonly kind: "send"; readonly bytes: Buffer }
  | { readonly kind: "expect"; readonly line: string }
  | { readonly kind: "closed" };

export interface Dialogue {
  readonly steps: readonly Step[];
  /** `reversePath > recipient, recipient`, in any order. */
  readonly kept: readonly string[];
}

export function readDialogue(text: string, words: Readonly<Record<string, string>>): Dialogue {
  const steps: Step[] = [];
  const kept: string[] = [];
  for (const line of text.split("\n")) {
    const [mark, rest] = [line.slice(0, 2), line.slice(3)];
    const filled = rest.replace(/\{(\w+)\}/g, (_, word: string) => words[word] ?? "");
    if (mark === "S:" && rest === "<closed>") steps.push({ kind: "closed" });
    else if (mark === "S:") steps.push({ kind: "expect", line: filled });
    else if (mark === "C:") append(steps, Buffer.from(`${filled}\r\n`));
    else if (mark === "C>") append(steps, rawBytes(filled));
    else if (mark === "K:") kept.push(rest);
  }
  return { steps, kept };
}

function append(steps: Step[], bytes: Buffer): void {
  const last = steps.at(-1);
  if (last?.kind === "send") steps[steps.length - 1] = { kind: "send", bytes: Buffer.concat([last.bytes, bytes]) };
  else steps.push({ kind: "send", bytes });
}

const escapes: Readonly<Record<string, number>> = { r: 13, n: 10, "0": 0, t: 9, "\\": 92 };

function rawBytes(text: string): Buffer {
  const pieces = text.split(/(\\x[0-9a-f]{2}|\\.)/);
  return Buffer.concat(
    pieces.map((piece, n) => {
      if (n % 2 === 0) return Buffer.from(piece);
      const code = piece.startsWith("\\x") ? Number.parseInt(piece.slice(2), 16) : escapes[piece.slice(1)];
      if (code === undefined) throw new Error(`no such escape: ${piece}`);
      return Buffer.of(code);
    }),
  );
}

/** The client's side of a connection, line by line. */
export interface Client extends AsyncDisposable {
  send(bytes: Buffer | string): void;
  /** The next line without its CRLF; undefined when the server has closed. */
  line(): Promise<string | undefined>;
  /** The lines up to one with a space after its code. */
  reply(): Promise<readonly string[]>;
  /** Sends a command and resolves with the last line of its reply. */
  command(line: string): Promise<string>;
  startTls(options: ConnectionOptions): Promise<TLSSocket>;
}

const waitMs = 5_000;

export function connectClient(port: number): Client {
  let socket: Socket = connect(port, "127.0.0.1");
  let received = "";
  let ended = false;
  let wake = () => {};
  const listenTo = (to: Socket) => {
    to.on("data", (chunk: Buffer) => {
      received += chunk.toString();
      wake();
    });
    const end = () => {
      ended = true;
      wake();
    };
    to.on("end", end).on("close", end).on("error", end);
  };
  listenTo(socket);

  async function line(): Promise<string | undefined> {
    const deadline = AbortSignal.timeout(waitMs);
    for (;;) {
      const end = received.indexOf("\r\n");
      if (end >= 0) {
        const text = received.slice(0, end);
        received = received.slice(end + 2);
        return text;
      }
      if (ended) return undefined;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      wake = resolve;
      deadline.onabort = () => reject(new Error(`no line within ${waitMs} ms, after: ${JSON.stringify(received)}`));
      await promise;
    }
  }

  const client: Client = {
    send: (bytes) => void socket.write(bytes),
    line,
    async reply() {
      const lines: string[] = [];
      for (;;) {
        const next = await line();
        if (next === undefined) throw new Error(`closed after: ${lines.join(" / ")}`);
        lines.push(next);
        if (next[3] !== "-") return lines;
      }
    },
    async command(text) {
      client.send(`${text}\r\n`);
      return (await client.reply()).at(-1) as string;
    },
    async startTls(options) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      socket.removeAllListeners();
      const secured = connectTls({ ...options, socket }, resolve)
        .once("error", reject)
        .once("close", reject);
      await promise;
      socket = secured;
      listenTo(secured);
      return secured;
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
    },
  };
  return client;
}

/** Plays the steps, and resolves with the lines that differ from what was expected. */
export async function play({ steps }: Dialogue, port: number): Promise<readonly string[]> {
  await using client = connectClient(port);
  const differences: string[] = [];
  for (const step of steps) {
    if (step.kind === "send") {
      client.send(step.bytes);
      continue;
    }
    const answered = await client.line();
    if (step.kind === "closed" ? answered !== undefined : answered === undefined || !matches(step.line, answered)) {
      const wanted = step.kind === "closed" ? "<closed>" : step.line;
      differences.push(`expected ${wanted}`, `received ${answered ?? "<closed>"}`);
      break;
    }
  }
  return differences;
}

function matches(pattern: string, line: string): boolean {
  const source = pattern.split("*").map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${source.join(".*")}$`, "s").test(line);
}
