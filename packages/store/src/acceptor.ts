import { accept, type PreparedSubmission, prepare } from "./accept.ts";
import type { Database } from "./database.ts";
import { type Acceptance, type Acceptor, OverloadedError, type Submission } from "./submission.ts";

/** Where content goes that is too large to lie in a row. */
export interface ContentStore {
  /** Resolves once the bytes are durable under `key`. */
  put(key: string, bytes: Uint8Array): Promise<void>;
}

export const acceptorLimits = {
  /** Submissions of one commit. */
  groupSize: 256,
  /** Inline content of one commit. */
  groupBytes: 8 * 1024 * 1024,
  /** Commits under way at once: while one waits for the disk, the next is prepared. */
  commitsInFlight: 2,
  /** Submissions that wait, beyond which more are told to come back. */
  waiting: 5_000,
  /** Content that waits, likewise. */
  waitingBytes: 256 * 1024 * 1024,
  /** Content above this goes to the blob store, where there is one. */
  inlineBytes: 256 * 1024,
} as const;

interface Waiting {
  readonly prepared: PreparedSubmission;
  resolve(acceptance: Acceptance): void;
  reject(error: unknown): void;
}

/**
 * Group commit: submissions that arrive while a commit is under way share the next. A group that fails is bisected,
 * so that one bad or blocked submission delays nobody else.
 */
export function openAcceptor(db: Database, blobs?: ContentStore, limits = acceptorLimits): Acceptor {
  const waiting: Waiting[] = [];
  let waitingBytes = 0;
  let inFlight = 0;
  let scheduled = false;
  let closing: (() => void) | undefined;

  function nextGroup(): Waiting[] {
    let bytes = 0;
    let size = 0;
    while (size < waiting.length && size < limits.groupSize) {
      const next = (waiting[size] as Waiting).prepared.submission.content.byteLength;
      if (size > 0 && bytes + next > limits.groupBytes) break;
      bytes += next;
      size++;
    }
    waitingBytes -= bytes;
    return waiting.splice(0, size);
  }

  function pump() {
    scheduled = false;
    while (waiting.length > 0 && inFlight < limits.commitsInFlight) {
      inFlight++;
      void commit(nextGroup()).finally(() => {
        inFlight--;
        pump();
        if (inFlight === 0 && waiting.length === 0) closing?.();
      });
    }
  }

  async function commit(group: readonly Waiting[]): Promise<void> {
    try {
      const prepared = group.map((one) => one.prepared);
      const answers = await accept(db, prepared);
      for (const [n, one] of group.entries()) one.resolve(answers[n] as Acceptance);
    } catch (error) {
      if (!isOfOneSubmission(error)) {
        for (const one of group) one.reject(error);
        return;
      }
      if (group.length === 1) {
        settleAlone(group[0] as Waiting, error);
        return;
      }
      const middle = group.length >> 1;
      await commit(group.slice(0, middle));
      await commit(group.slice(middle));
    }
  }

  return {
    async accept(submission: Submission): Promise<Acceptance> {
      const bytes = submission.content.byteLength;
      if (closing || waiting.length >= limits.waiting || waitingBytes + bytes > limits.waitingBytes) {
        throw new OverloadedError("too much waits for the database");
      }
      const isLarge = bytes > limits.inlineBytes && blobs !== undefined;
      const prepared = prepare(submission);
      const placed = isLarge ? { ...prepared, blobKey: prepared.uid } : prepared;
      if (isLarge) await blobs.put(prepared.uid, submission.content);
      return new Promise<Acceptance>((resolve, reject) => {
        waiting.push({ prepared: placed, resolve, reject });
        waitingBytes += bytes;
        if (scheduled || inFlight >= limits.commitsInFlight) return;
        scheduled = true;
        setImmediate(pump);
      });
    },
    async [Symbol.asyncDispose]() {
      const idle = inFlight === 0 && waiting.length === 0;
      await new Promise<void>((resolve) => {
        closing = resolve;
        if (idle) resolve();
      });
    },
  };
}

const LOCK_NOT_AVAILABLE = "55P03";
const DEADLOCK = "40P01";

/** Data that the database refuses (class 22, 23) or a lock that one submission waits for: the others need not. */
function isOfOneSubmission(error: unknown): boolean {
  const code = (error as { code?: string }).code ?? "";
  return code === LOCK_NOT_AVAILABLE || code === DEADLOCK || code.startsWith("22") || code.startsWith("23");
}

function settleAlone(one: Waiting, error: unknown): void {
  const code = (error as { code?: string }).code;
  if (code !== LOCK_NOT_AVAILABLE && code !== DEADLOCK) {
    one.reject(error);
    return;
  }
  one.resolve({
    kind: "refused",
    code: "busy",
    detail: "The same id is being submitted elsewhere right now.",
    retryAfterSeconds: 1,
  });
}
