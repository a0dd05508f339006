/**
 * Collects a message's content as it streams in, and judges its octets on the way: a line ends in CRLF and nothing
 * else, and there is no NUL (RFC 5321 sections 2.3.8 and 4.1.1.4).
 *
 * A bare CR or LF is where two servers may disagree about where a message ends, and so let one message smuggle
 * another. Nothing is repaired: content with one of them is refused whole.
 */
import { badContent, overloaded, type Refusal, reply } from "@mailfleet/delivery";

/** Memory that one tenant's sessions share. */
export interface ContentBudget {
  /** False where it is used up; nothing is taken then. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/** Memory that all sessions share, and each tenant's part of it; a tenant that holds nothing is not remembered. */
export function contentBudgets({
  contentBytes,
  contentBytesPerTenant,
}: {
  readonly contentBytes: number;
  readonly contentBytesPerTenant: number;
}): (tenantId: string) => ContentBudget {
  const byTenant = new Map<string, number>();
  let used = 0;
  return (tenantId) => {
    const usedByTenant = () => byTenant.get(tenantId) ?? 0;
    const move = (bytes: number) => {
      used += bytes;
      const left = usedByTenant() + bytes;
      if (left > 0) byTenant.set(tenantId, left);
      else byTenant.delete(tenantId);
    };
    return {
      take(bytes) {
        if (used + bytes > contentBytes || usedByTenant() + bytes > contentBytesPerTenant) return false;
        move(bytes);
        return true;
      },
      give: (bytes) => move(-bytes),
    };
  };
}

/** One message's content. After a fault the rest is passed over, and takes no memory. */
export interface Collector {
  add(chunk: Buffer): void;
  /** The content, or why it is refused. */
  end(): { readonly content: Buffer } | { readonly refusal: Refusal };
  /** Gives the memory back; may be called at any time, and again. */
  release(): void;
}

const LF = 10;
const CR = 13;

const bareCr = badContent("A bare CR: lines end in CRLF");
const bareLf = badContent("A bare LF: lines end in CRLF");
const nul = badContent("A NUL octet");

export function collector(maxBytes: number, budget: ContentBudget): Collector {
  let chunks: Buffer[] = [];
  let size = 0;
  let afterCr = false;
  let refusal: Refusal | undefined;

  const release = () => {
    budget.give(size);
    chunks = [];
    size = 0;
  };
  const refuse = (why: Refusal) => {
    refusal = why;
    release();
  };

  return {
    add(chunk) {
      if (refusal || chunk.length === 0) return;
      const why = faultIn(chunk, afterCr);
      if (why) return refuse(why);
      afterCr = chunk[chunk.length - 1] === CR;
      if (size + chunk.length > maxBytes) return refuse(tooLarge(maxBytes));
      if (!budget.take(chunk.length)) return refuse(overloaded);
      size += chunk.length;
      chunks.push(chunk);
    },
    end() {
      if (!refusal && afterCr) refuse(bareCr);
      if (refusal) return { refusal };
      const content = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size);
      chunks = [];
      return { content };
    },
    release,
  };
}

export const tooLarge = (maxBytes: number): Refusal =>
  reply(552, "5.3.4", `Message exceeds the maximum of ${maxBytes} octets`);

// A CR at the end of a chunk is judged with the next one. One pass over a string of octets is the quickest there is.
const fault = /\0|\r(?!\n|$)|(?<!\r)\n/;

/** `afterCr` says whether the octet before the chunk was a CR. */
function faultIn(chunk: Buffer, afterCr: boolean): Refusal | undefined {
  if (afterCr && chunk[0] !== LF) return bareCr;
  const found = fault.exec(chunk.toString("latin1", afterCr ? 1 : 0))?.[0];
  if (found === undefined) return undefined;
  if (found === "\0") return nul;
  return found === "\r" ? bareCr : bareLf;
}
