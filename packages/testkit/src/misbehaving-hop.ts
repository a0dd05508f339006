/**
 * A next hop that can be told to misbehave: a server of our own, since a well-written one cannot break the protocol.
 *
 * It keeps what it accepts, so a test can ask what a next hop has, whatever the sender believes.
 */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { type HopHouse, type HopManners, serveHopConnection } from "./hop-connection.ts";
import { type HopFault, type HopPoint, hopFaults } from "./hop-faults.ts";
import { type Kept, type KeptCount, type KeptMessage, keep } from "./hop-kept.ts";
import { listeningPort } from "./listening-port.ts";

export interface HopOptions extends Partial<HopManners> {
  /** TLS from the first byte, with the key and certificate of `tls`. */
  readonly implicitTls?: boolean;
  readonly port?: number;
  /** Beyond this messages are counted and not kept whole. */
  readonly wholeLimit?: number;
}

export interface MisbehavingHop extends AsyncDisposable {
  readonly host: "127.0.0.1";
  readonly port: number;
  readonly messages: readonly KeptMessage[];
  /** Messages times recipients. */
  readonly deliveries: number;
  /** Connections accepted so far, and open now. */
  readonly connections: { readonly total: number; readonly open: number };
  /** SASL mechanisms of successful logins. */
  readonly logins: readonly string[];
  misbehaves(fault: HopFault): void;
  answers(at: HopPoint, reply: string, more?: Partial<HopFault>): void;
  hangsUp(at: HopPoint, more?: Partial<HopFault>): void;
  stalls(at: HopPoint, more?: Partial<HopFault>): void;
  drips(at: HopPoint, everyMs: number, more?: Partial<HopFault>): void;
  /** Forgets all faults. */
  behaves(): void;
  /** Resolves once `n` messages are kept; rejects when that takes too long. */
  kept(n: number, withinMs?: number): Promise<readonly KeptMessage[]>;
  counts(): KeptCount[];
  /** Calls back with each connection from now on. */
  onConnection(listener: () => void): void;
  /** Cuts every open connection. */
  cut(): void;
  /** Resolves once no connection is open; rejects when that takes too long. */
  allClosed(withinMs?: number): Promise<void>;
}

const defaultExtensions = ["PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"];

export async function startMisbehavingHop(options: HopOptions = {}): Promise<MisbehavingHop> {
  const faults = hopFaults();
  const kept: Kept = keep(options.wholeLimit ?? 100_000);
  const house: HopHouse = {
    manners: {
      lmtp: options.lmtp ?? false,
      extensions: options.extensions ?? defaultExtensions,
      authMechanisms: options.authMechanisms ?? ["PLAIN", "LOGIN", "XOAUTH2"],
      greylists: options.greylists ?? false,
      takesDataForNobody: options.takesDataForNobody ?? false,
      keepsContent: options.keepsContent ?? true,
      ...(options.tls && !options.implicitTls ? { tls: options.tls } : {}),
      ...(options.auth ? { auth: options.auth } : {}),
    },
    faults,
    kept,
    greylist: new Set(),
    logins: [],
  };
  const open = new Set<Socket>();
  let total = 0;
  const serve = (socket: Socket) => {
    total++;
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    serveHopConnection(socket, house);
  };
  const server = options.implicitTls ? createTlsServer({ ...options.tls }, serve) : createServer(serve);
  const port = await listeningPort(server, options.port ?? 0);
  const cut = () => {
    for (const socket of open) socket.destroy();
  };

  return {
    host: "127.0.0.1",
    port,
    messages: kept.messages,
    logins: house.logins,
    get deliveries() {
      return kept.deliveries;
    },
    get connections() {
      return { total, open: open.size };
    },
    misbehaves: faults.add,
    answers: (at, reply, more) => faults.add({ at, does: "answer", reply, ...more }),
    hangsUp: (at, more) => faults.add({ at, does: "hang_up", ...more }),
    stalls: (at, more) => faults.add({ at, does: "stall", ...more }),
    drips: (at, everyMs, more) => faults.add({ at, does: "drip", everyMs, ...more }),
    behaves: faults.clear,
    kept: (n, withinMs = 10_000) => kept.reaches(n, withinMs),
    counts: kept.counts,
    onConnection: (listener) => void server.on("connection", listener),
    cut,
    allClosed: (withinMs = 5_000) => allClosed(open, withinMs),
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function allClosed(open: ReadonlySet<Socket>, withinMs: number): Promise<void> {
  const signal = AbortSignal.timeout(withinMs);
  for (const socket of open) if (!socket.destroyed) await once(socket, "close", { signal });
}
