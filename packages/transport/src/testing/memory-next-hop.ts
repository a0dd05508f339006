import {
  type EndingCause,
  type Envelope,
  judge,
  type NotAttempted,
  parseReply,
  type SendResult,
} from "@mailfleet/mail";
import { type HopFault, type HopPoint, hopFaults, type Kept, keep, keepsAtFinalDot } from "@mailfleet/testkit";
import type { Content, NextHop } from "../next-hop.ts";

/** A next hop without a network: what it accepts is kept at once, and its faults are told it as to a real one. */
export interface MemoryHop {
  readonly kept: Kept;
  misbehaves(fault: HopFault): void;
  behaves(): void;
  /** A connection to it. `pause` is awaited wherever a real one would wait, so that a simulation can step in. */
  connection(pause?: () => Promise<void>): NextHop;
}

export function memoryHop(): MemoryHop {
  const faults = hopFaults();
  const kept = keep(100_000);
  return {
    kept,
    misbehaves: faults.add,
    behaves: faults.clear,
    connection: (pause = async () => {}) => connection(faults, kept, pause),
  };
}

function connection(faults: ReturnType<typeof hopFaults>, kept: Kept, pause: () => Promise<void>): NextHop {
  let usable = true;
  let connected = false;
  let messages = 0;

  /** What a fault makes of a phase; `undefined` where it goes on as usual. */
  const meet = (at: HopPoint, recipients: readonly string[], sender?: string): EndingCause | undefined => {
    const fault = faults.take(at, { sender, recipients, messages });
    if (!fault) return undefined;
    if (fault.does === "hang_up" || fault.does === "stall") {
      usable = false;
      return fault.does === "stall" ? { kind: "timeout" } : { kind: "closed" };
    }
    const reply = fault.reply === undefined ? undefined : parseReply(fault.reply);
    if (!reply || (reply.code < 400 && at !== "final-dot")) return undefined;
    if (reply.code === 421) usable = false;
    return { kind: "reply", reply };
  };

  const connect = async (): Promise<NotAttempted | undefined> => {
    if (!usable) return closed;
    if (connected) return undefined;
    await pause();
    for (const [at, phase] of [
      ["greeting", "greeting"],
      ["ehlo", "ehlo"],
      ["starttls", "tls"],
      ["auth", "auth"],
    ] as const) {
      const cause = meet(at, []);
      if (!cause) continue;
      usable = false;
      const result = judge({ phase, cause });
      return result.kind === "not_attempted" ? result : closed;
    }
    connected = true;
    return undefined;
  };

  const send = async (envelope: Envelope, content: Content, mayFinish: () => boolean): Promise<SendResult[]> => {
    const addresses = envelope.recipients.map(({ address }) => address);
    const trouble = await connect();
    if (trouble) return addresses.map(() => trouble);
    await pause();
    const mail = meet("mail", addresses, envelope.reversePath);
    if (mail) return addresses.map(() => judge({ phase: "mail", cause: mail }));

    const results = addresses.map((address): SendResult | undefined => {
      const cause = usable ? meet("rcpt", [address]) : ({ kind: "closed" } as const);
      return cause && judge({ phase: "rcpt", cause });
    });
    const settle = (phase: "rcpt" | "data" | "content" | "final-dot", cause: EndingCause) =>
      results.map((result) => result ?? judge({ phase, cause }));
    if (!usable) return settle("rcpt", { kind: "closed" });
    const accepted = addresses.filter((_, at) => results[at] === undefined);
    if (accepted.length === 0) return settle("rcpt", { kind: "closed" });
    const data = meet("data", accepted);
    if (data) return settle("data", data);

    let bytes: Buffer;
    try {
      bytes = await wholeOf(content);
    } catch (error) {
      usable = false;
      return settle("content", { kind: "unreadable", detail: String(error) });
    }
    const early = meet("content", accepted);
    if (early) return settle("content", early);
    await pause();
    if (!mayFinish()) {
      usable = false;
      return settle("content", { kind: "withdrawn", why: "lease_lost" });
    }
    const fault = faults.take("final-dot", { sender: envelope.reversePath, recipients: accepted, messages });
    messages++;
    if (!fault || keepsAtFinalDot(fault)) kept.add(keptMessage(envelope, accepted, bytes));
    await pause();
    if (!fault || fault.does === "drip") return settle("final-dot", { kind: "reply", reply: taken });
    if (fault.does === "answer") {
      return settle("final-dot", { kind: "reply", reply: parseReply(fault.reply ?? "") ?? taken });
    }
    usable = false;
    return settle("final-dot", fault.does === "stall" ? { kind: "timeout" } : { kind: "closed" });
  };

  return {
    connect,
    send,
    get usable() {
      return usable;
    },
    async [Symbol.asyncDispose]() {
      usable = false;
    },
  };
}

const taken = { code: 250, status: "2.0.0", text: "kept" } as const;

const closed: NotAttempted = {
  kind: "not_attempted",
  status: "4.4.2",
  reason: "the connection was closed before the message was offered",
  blocksAccount: false,
};

function keptMessage({ reversePath }: Envelope, recipients: readonly string[], content: Buffer) {
  const messageId = /^message-id:\s*(<[^>]*>)/im.exec(content.toString("latin1"))?.[1] ?? "";
  return { reversePath, recipients, commands: [], messageId, content, at: new Date() };
}

async function wholeOf(content: Content): Promise<Buffer> {
  if ("bytes" in content) return Buffer.from(content.bytes);
  const pieces: Uint8Array[] = [];
  for await (const piece of content.open()) pieces.push(piece);
  return Buffer.concat(pieces);
}
