/** Where a next hop can misbehave: instead of its usual reply to this. */
export type HopPoint = "greeting" | "ehlo" | "starttls" | "auth" | "mail" | "rcpt" | "data" | "content" | "final-dot";

/** One way to misbehave. Plain data, so that it can be told to a next hop in another process. */
export interface HopFault {
  readonly at: HopPoint;
  /**
   * `answer`: says `reply` instead. `hang_up`: closes the connection. `stall`: says nothing more, and keeps it open.
   * `drip`: says `reply`, or what it would have said, one byte each `everyMs`. At `content` it happens as soon as
   * content arrives, before its end. `stops_reading`: takes nothing more from the wire, as a stuck process would.
   */
  readonly does: "answer" | "hang_up" | "stall" | "drip" | "stops_reading";
  readonly reply?: string;
  readonly everyMs?: number;
  /** Only for this recipient, or for a message that has it. */
  readonly recipient?: string;
  /** Only for this reverse-path. */
  readonly sender?: string;
  /** Only on a connection that has carried so many messages. */
  readonly afterMessages?: number;
  /** So many times, then no more; for ever where it is left out. */
  readonly times?: number;
  /** At the final dot: whether the message is kept all the same. `hang_up`, `stall` and `drip` keep it unless told not to. */
  readonly keeps?: boolean;
}

/** The faults that a next hop still has in it. */
export interface HopFaults {
  add(fault: HopFault): void;
  clear(): void;
  /** The first fault that fits; one of its times is used up. */
  take(at: HopPoint, about: HopMoment): HopFault | undefined;
}

/** What a next hop knows at a point: whose mail it is, and what its connection has carried. */
export interface HopMoment {
  readonly sender?: string | undefined;
  readonly recipients: readonly string[];
  readonly messages: number;
}

export function hopFaults(): HopFaults {
  let faults: { fault: HopFault; left: number }[] = [];
  return {
    add: (fault) => void faults.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY }),
    clear() {
      faults = [];
    },
    take(at, { sender, recipients, messages }) {
      if (faults.length === 0) return undefined;
      const found = faults.find(
        ({ fault, left }) =>
          left > 0 &&
          fault.at === at &&
          (fault.sender === undefined || fault.sender === sender) &&
          (fault.recipient === undefined || recipients.includes(fault.recipient)) &&
          messages >= (fault.afterMessages ?? 0),
      );
      if (found) found.left--;
      return found?.fault;
    },
  };
}

/** Whether a message is kept although its final dot meets a fault. */
export const keepsAtFinalDot = (fault: HopFault): boolean =>
  fault.keeps ?? (fault.does === "answer" ? fault.reply?.startsWith("2") === true : true);
