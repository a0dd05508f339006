import { connect, createServer, type Socket } from "node:net";
import { listeningPort } from "./listening-port.ts";

/** Where a connection is to be cut: by what has passed on it from one side. */
export interface CutPoint {
  readonly from: "client" | "server";
  /** After so many bytes, exactly. */
  readonly bytes?: number;
  /** At this text, wherever it is split; case counts. TLS hides it. */
  readonly text?: string;
  /** Whether the text itself still gets through; so by default. Without it, a server's word that it did something is lost. */
  readonly delivers?: boolean;
  /** So many times in all, then no more; once by default. */
  readonly times?: number;
}

/** A TCP proxy on loopback in front of a port of loopback, for everything that networks do to connections. */
export interface CutProxy extends AsyncDisposable {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** Connections open now. */
  readonly connections: number;
  /** Connections ever taken. */
  readonly accepted: number;
  /** Resets every connection, on both sides; new ones are taken. */
  cut(): void;
  /** Cuts the connections that reach this point, old ones and new. Several may be set. */
  cutAt(point: CutPoint): void;
  /** Lets nothing through any more, either way; connections stay open, and new ones are taken. */
  stall(): void;
  /** Lets through what has been held, and all that follows. */
  resume(): void;
  /** Refuses new connections (ECONNREFUSED); open ones stay. */
  refuse(): Promise<void>;
  /** Takes connections again, on the same port. */
  accept(): Promise<void>;
  /** Everything that comes in from now on arrives so much later, each way; order stays. */
  delay(ms: number): void;
  /** Resolves once so many connections are open. */
  connected(count: number): Promise<void>;
}

const waitLimitMs = 15_000;

/** Everything that is known of the points to cut at; shared by all connections. */
interface ArmedPoint extends CutPoint {
  left: number;
}

export async function cutProxy(targetPort: number): Promise<CutProxy> {
  const open = new Set<Pair>();
  const watchers = new Set<() => void>();
  const points: ArmedPoint[] = [];
  const gate = openGate();
  let accepted = 0;
  let delayMs = 0;

  const takeConnection = (client: Socket) => {
    accepted++;
    const pair = new Pair(client, connect({ host: "127.0.0.1", port: targetPort }));
    open.add(pair);
    client.once("close", () => open.delete(pair));
    for (const from of ["client", "server"] as const) forward(pair, from);
    for (const look of [...watchers]) look();
  };

  const forward = (pair: Pair, from: CutPoint["from"]) => {
    const [source, target] = from === "client" ? [pair.client, pair.server] : [pair.server, pair.client];
    let passed = 0;
    /** The end of what has passed: a text may be split. */
    let tail = "";
    let turn: Promise<void> = Promise.resolve();
    const inTurn = (act: () => void) => {
      const due = performance.now() + delayMs;
      source.pause(); // One chunk at a time, so that what is held stays within the sockets' own buffers.
      turn = turn.then(async () => {
        await pauseUntil(due);
        await gate.opened();
        if (!pair.gone) act();
        source.resume();
      });
    };
    source.on("data", (chunk) =>
      inTurn(() => {
        const cut = cutIn(chunk, from, passed, tail, points);
        const allowed = cut === undefined ? chunk : chunk.subarray(0, cut);
        passed += allowed.length;
        tail = (tail + allowed.toString("latin1")).slice(-tailLimit);
        target.write(allowed, () => {
          if (cut !== undefined) pair.cut();
        });
      }),
    );
    source.on("end", () => inTurn(() => target.end()));
  };

  let server = createServer({ allowHalfOpen: true }, takeConnection);
  const port = await listeningPort(server);
  const refuse = async () => {
    if (!server.listening) return;
    // Only the listener is closed; its callback would wait for the connections too.
    server.close();
  };
  return {
    host: "127.0.0.1",
    port,
    get connections() {
      return open.size;
    },
    get accepted() {
      return accepted;
    },
    cut() {
      for (const pair of open) pair.cut();
    },
    cutAt: (point) => void points.push({ ...point, left: point.times ?? 1 }),
    stall: gate.close,
    resume: gate.open,
    refuse,
    async accept() {
      if (server.listening) return;
      server = createServer({ allowHalfOpen: true }, takeConnection);
      await listeningPort(server, port);
    },
    delay(ms) {
      delayMs = ms;
    },
    connected: (count) =>
      new Promise((resolve, reject) => {
        const end = () => {
          clearTimeout(timer);
          watchers.delete(look);
        };
        const timer = setTimeout(() => {
          end();
          reject(new Error(`${open.size} connections are open after ${waitLimitMs} ms, not ${count}`));
        }, waitLimitMs);
        const look = () => {
          if (open.size < count) return;
          end();
          resolve();
        };
        watchers.add(look);
        look();
      }),
    async [Symbol.asyncDispose]() {
      await refuse();
      for (const pair of open) pair.cut();
      gate.open();
    },
  };
}

/** The two sockets of one connection; what ends one ends the other. */
class Pair {
  readonly client: Socket;
  readonly server: Socket;
  gone = false;

  constructor(client: Socket, server: Socket) {
    this.client = client;
    this.server = server;
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", () => this.cut());
      socket.on("close", () => {
        if (client.destroyed && server.destroyed) this.gone = true;
      });
    }
  }

  /** Resets both sides. */
  cut(): void {
    this.gone = true;
    for (const socket of [this.client, this.server]) if (!socket.destroyed) socket.resetAndDestroy();
  }
}

const tailLimit = 1_000;

/** How many bytes of the chunk get through before a point is reached; undefined where none is. */
function cutIn(
  chunk: Buffer,
  from: CutPoint["from"],
  passed: number,
  tail: string,
  points: readonly ArmedPoint[],
): number | undefined {
  for (const point of points) {
    if (point.left === 0 || point.from !== from) continue;
    const at = point.bytes === undefined ? textIn(chunk, tail, point) : bytesIn(chunk, passed, point.bytes);
    if (at === undefined) continue;
    point.left--;
    return at;
  }
  return undefined;
}

const bytesIn = (chunk: Buffer, passed: number, limit: number): number | undefined =>
  passed + chunk.length >= limit ? Math.max(limit - passed, 0) : undefined;

function textIn(chunk: Buffer, tail: string, { text = "", delivers = true }: CutPoint): number | undefined {
  const before = text === "" ? "" : tail.slice(-(text.length - 1) || tail.length);
  const at = (before + chunk.toString("latin1")).indexOf(Buffer.from(text).toString("latin1"));
  if (at < 0) return undefined;
  return delivers ? at + Buffer.byteLength(text) - before.length : Math.max(at - before.length, 0);
}

function openGate() {
  let shut: PromiseWithResolvers<void> | undefined;
  return {
    close() {
      shut ??= Promise.withResolvers();
    },
    open() {
      shut?.resolve();
      shut = undefined;
    },
    async opened() {
      while (shut) await shut.promise;
    },
  };
}

/** A timer may end a little early. */
async function pauseUntil(due: number): Promise<void> {
  for (let ms = due - performance.now(); ms > 0; ms = due - performance.now()) {
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}
