/**
 * One way for an IMAP server to misbehave. Plain data. `at` is a command in capitals, such as `UID FETCH`; `LOGIN`
 * stands for AUTHENTICATE too, `GREETING` and `DONE` for these moments, and `*` for every command.
 */
export interface ImapFault {
  readonly at: string;
  /**
   * `answer`: says `text` in place of the reply, such as `NO [LIMIT] come back later`. `bye`: says BYE with `text`,
   * and closes. `hang_up`: resets the connection. `stall`: says nothing more, and keeps it open. `delay`: does what it
   * should, `ms` later. `expunge`: others expunge `uids` while the command runs; it goes on without them.
   */
  readonly does: "answer" | "bye" | "hang_up" | "stall" | "delay" | "expunge";
  readonly text?: string;
  readonly ms?: number;
  readonly uids?: readonly number[];
  /** The command is carried out first: only its reply is lost, or another. */
  readonly after?: boolean;
  /** Only where more connections than this are open. */
  readonly aboveConnections?: number;
  /** So many times, then no more; for ever where it is left out. */
  readonly times?: number;
}

export interface ImapFaults {
  add(fault: ImapFault): void;
  clear(): void;
  /** The first fault that fits; one of its times is used up. */
  take(at: string, connections: number): ImapFault | undefined;
}

export function imapFaults(): ImapFaults {
  let faults: { readonly fault: ImapFault; left: number }[] = [];
  return {
    add: (fault) => void faults.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY }),
    clear() {
      faults = [];
    },
    take(at, connections) {
      const found = faults.find(
        ({ fault, left }) =>
          left > 0 &&
          (fault.at === at || (fault.at === "*" && at !== "GREETING" && at !== "DONE")) &&
          connections > (fault.aboveConnections ?? 0),
      );
      if (found) found.left--;
      return found?.fault;
    },
  };
}
