import { fit, type Payload, type QueueName, type TurnQueueName } from "./catalogue.ts";

/** A turn that someone has asked for. */
export type TurnErrand = Payload<TurnQueueName>;
/** A message to answer that someone has told of. */
export type AnswerErrand = Payload<"mailfleet-answers">;
export type Errand = TurnErrand | AnswerErrand;

export interface WakeOptions {
  /** Into the express queue, for `immediate` mail. */
  readonly express?: boolean;
  /** One turn more beside those with smaller numbers, for an account with more due mail than one lane carries. */
  readonly lane?: number;
}

/** Why a wake-up never reached Redis. A sweep finds what is due, so nothing is lost but time. */
export type DropReason = "full" | "redis" | "invalid";

export interface WakerOptions {
  /** Puts errands into a queue. A rejection drops them. */
  readonly send: (queue: QueueName, errands: readonly Errand[]) => Promise<void>;
  readonly onDropped: (count: number, reason: DropReason) => void;
  /** While one flush is under way or has just been, wake-ups gather for this long. */
  readonly flushIntervalMs?: number;
  /** At most so many gather; more are dropped. */
  readonly maxPending?: number;
}

/** Gathers wake-ups in the process and sends each account's, and each message's, once per flush. */
export interface Waker {
  /** Asks for a turn of this account. Returns at once, never throws, and costs no command of its own. */
  wake(accountUid: string, options?: WakeOptions): void;
  /** Tells that this inbound message may be worked on. Returns at once, never throws, and costs no command of its own. */
  wakeAnswer(inboundUid: string): void;
  /** Resolves when every wake-up so far has been sent or dropped. */
  flushed(): Promise<void>;
}

/**
 * The first wake-up after a pause goes out with the next turn of the event loop; from then on there is one flush per
 * interval, and one at a time, so that a busy process costs Redis one command per account and interval.
 */
export function createWaker({ send, onDropped, flushIntervalMs = 20, maxPending = 10_000 }: WakerOptions): Waker {
  let pending = new Map<string, { readonly queue: QueueName; readonly errand: Errand }>();
  let flushing: Promise<void> | undefined;

  async function sendAll(queue: QueueName, errands: readonly Errand[]): Promise<void> {
    try {
      await send(queue, errands);
    } catch {
      onDropped(errands.length, "redis");
    }
  }

  async function flushUntilEmpty(): Promise<void> {
    await new Promise(setImmediate); // What one event brings wakes once.
    while (pending.size > 0) {
      const batch = Map.groupBy(pending.values(), ({ queue }) => queue);
      pending = new Map();
      const pause = new Promise((resolve) => setTimeout(resolve, flushIntervalMs));
      await Promise.all(
        [...batch].map(([queue, wakes]) =>
          sendAll(
            queue,
            wakes.map(({ errand }) => errand),
          ),
        ),
      );
      await pause;
    }
    flushing = undefined;
  }

  const gather = (key: string, queue: QueueName, errand: Errand): void => {
    if (pending.has(key)) return;
    const fitting = fit(queue, errand);
    if (!fitting.fits) onDropped(1, "invalid");
    else if (pending.size >= maxPending) onDropped(1, "full");
    else {
      pending.set(key, { queue, errand: fitting.payload });
      flushing ??= flushUntilEmpty();
    }
  };

  return {
    wake(accountUid, { express = false, lane = 0 } = {}) {
      const queue = express ? "mailfleet-turns-express" : "mailfleet-turns";
      gather(`${queue} ${lane} ${accountUid}`, queue, { accountUid, lane });
    },
    wakeAnswer: (inbound) => gather(inbound, "mailfleet-answers", { inbound }),
    async flushed() {
      await flushing;
    },
  };
}
