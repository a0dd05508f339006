import type { AnswerMode } from "@mailfleet/mail";
import type { Random } from "../random.ts";

/** What a seed does to a fleet that follows mailboxes and answers what comes in; each kind of trouble in some seeds only. */
export interface Plan {
  /** Trouble and mail begin no later than this. */
  readonly horizonMs: number;
  readonly watchers: number;
  readonly workers: number;
  /** Messages at once in a worker's hands. */
  readonly slots: number;
  readonly letters: number;
  readonly mailboxes: readonly MailboxPlan[];
  /** A message that waited for longer is looked at in its mailbox before it is answered. */
  readonly lookAfterMs: number;
  /** Messages that wait, beyond which no more are taken in. */
  readonly maxWaiting: number;
  readonly trouble: Trouble;
  readonly deeds: Deeds;
}

export interface MailboxPlan {
  readonly tenantId: string;
  readonly id: string;
  readonly how: "idle" | "poll";
  readonly take: "unseen" | "all";
  readonly mode: AnswerMode;
  readonly answerAfterMs?: number;
  readonly appendTo?: string;
  readonly moveTo?: string;
  readonly forwardTo?: string;
  readonly markSeen: boolean;
  readonly perCorrespondentPerDay: number;
  readonly perHour: number;
}

/** Probabilities: of each statement, each command, each errand, each answer; and how many times within the horizon. */
export interface Trouble {
  readonly crashAfterStatement: number;
  readonly slowStatement: number;
  readonly statementLost: number;
  readonly answerLost: number;
  readonly errandLost: number;
  readonly errandDoubled: number;
  /** The connection ends before a command is done, or when it is, and nobody hears of it. */
  readonly cutBefore: number;
  readonly cutAfter: number;
  readonly slowServer: number;
  readonly loginRefused: number;
  /** A process is frozen where a command of its own was just sent. */
  readonly frozenInCommand: number;
  readonly answererFault: number;
  readonly slowAnswerer: number;
  readonly crashes: number;
  readonly freezes: number;
  readonly drains: number;
  readonly flushes: number;
  /** The database's own clock is set forward or back. */
  readonly clockJumps: number;
  /** Processes' wall clocks are off by up to this, ms. */
  readonly clockSkewMs: number;
}

/** What people do meanwhile: how many times within the horizon. */
export interface Deeds {
  /** A message is moved out of the folder, and perhaps back. */
  readonly moves: number;
  readonly seen: number;
  /** A person answers, faster or not. */
  readonly answered: number;
  readonly renumberings: number;
  readonly stops: number;
  readonly suspensions: number;
  readonly decisions: number;
  readonly requeues: number;
  readonly backfills: number;
  /** Messages whose UID is shown to nobody for a while, although higher ones are. */
  readonly shownLate: number;
}

export function drawPlan(random: Random): Plan {
  const some = (probability: number, value: () => number) => (random.chance(probability) ? value() : 0);
  const times = (probability: number, most: number) => some(probability, () => random.between(1, most));
  const tenants = random.chance(0.3) ? ["north", "south"] : ["north"];
  return {
    horizonMs: random.between(10_000, 40_000),
    watchers: random.between(1, 3),
    workers: random.between(1, 3),
    slots: random.between(1, 3),
    letters: random.between(2, 10),
    mailboxes: tenants.flatMap((tenantId) =>
      ["help", "info"].slice(0, random.between(1, 2)).map((id) => drawMailbox(random, tenantId, id)),
    ),
    lookAfterMs: random.pick([2_000, 60_000]),
    maxWaiting: random.chance(0.2) ? 2 : 1_000,
    trouble: {
      crashAfterStatement: some(0.4, () => 0.02),
      slowStatement: some(0.2, () => 0.02),
      statementLost: some(0.3, () => 0.02),
      answerLost: some(0.3, () => 0.02),
      errandLost: some(0.5, () => 0.3),
      errandDoubled: some(0.5, () => 0.2),
      cutBefore: some(0.4, () => 0.05),
      cutAfter: some(0.4, () => 0.05),
      slowServer: some(0.3, () => 0.1),
      loginRefused: some(0.2, () => 0.2),
      frozenInCommand: some(0.25, () => 0.03),
      answererFault: some(0.6, () => random.pick([0.2, 0.5])),
      slowAnswerer: some(0.4, () => 0.3),
      crashes: times(0.5, 4),
      freezes: times(0.5, 4),
      drains: times(0.4, 3),
      flushes: times(0.4, 3),
      clockJumps: times(0.1, 2),
      clockSkewMs: some(0.3, () => 20_000),
    },
    deeds: {
      moves: times(0.5, 4),
      seen: times(0.3, 2),
      answered: times(0.3, 2),
      renumberings: times(0.3, 2),
      stops: times(0.4, 3),
      suspensions: times(0.2, 2),
      decisions: times(0.7, 5),
      requeues: times(0.3, 3),
      backfills: times(0.2, 2),
      shownLate: times(0.2, 2),
    },
  };
}

function drawMailbox(random: Random, tenantId: string, id: string): MailboxPlan {
  const some = <T>(probability: number, value: () => T) => (random.chance(probability) ? value() : undefined);
  const answerAfterMs = some(0.3, () => random.between(1_000, 6_000));
  const appendTo = some(0.6, () => "\\Sent");
  const moveTo = some(0.2, () => "Done");
  const forwardTo = some(0.5, () => "boss@acme.test");
  return {
    tenantId,
    id,
    how: random.chance(0.6) ? "idle" : "poll",
    take: random.chance(0.6) ? "unseen" : "all",
    mode: random.chance(0.7) ? "send" : random.pick(["draft", "approve", "shadow"] as const),
    ...(answerAfterMs !== undefined && { answerAfterMs }),
    ...(appendTo !== undefined && { appendTo }),
    ...(moveTo !== undefined && { moveTo }),
    ...(forwardTo !== undefined && { forwardTo }),
    markSeen: random.chance(0.3),
    perCorrespondentPerDay: random.chance(0.25) ? 1 : 100,
    perHour: random.chance(0.15) ? 2 : 100,
  };
}
