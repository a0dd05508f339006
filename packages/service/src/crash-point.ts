/**
 * Moments at which a process may die, by name: what must hold when it dies right there is tested by letting it die
 * right there. A point that nobody has armed costs one comparison.
 */
export const outboundCrashPoints = [
  "dispatch-after-lane",
  "dispatch-after-claim",
  "dispatch-before-promote",
  "dispatch-after-promote",
  "dispatch-before-final-dot",
  "dispatch-after-final-dot",
  "dispatch-after-send",
  "dispatch-after-record-queued",
  "dispatch-after-record",
  "dispatch-between-record-and-notification",
  "dispatch-while-giving-back",
  "sweep-after-reap",
  "sweep-after-move-due",
  "sweep-before-recording-abandoned",
  "intake-http-before-commit",
  "intake-http-after-commit",
  "intake-smtp-before-commit",
  "intake-smtp-after-commit",
] as const;

/** Those of the way in. */
export const inboundCrashPoints = [
  "watch-after-begin",
  "watch-before-record",
  "watch-after-record",
  "watch-before-action",
  "watch-after-action",
  "watch-after-settle",
  "answer-after-claim",
  "answer-after-answerer",
  "answer-before-commit",
  "answer-after-commit",
] as const;

export type OutboundCrashPoint = (typeof outboundCrashPoints)[number];
export type CrashPoint = OutboundCrashPoint | (typeof inboundCrashPoints)[number];

/** How a process shall die, or stand still, when it comes to a point. */
export interface ArmedCrash {
  readonly point: CrashPoint;
  /** At which time of coming there; 1 is the first. */
  readonly hit: number;
  /** SIGSTOP pauses the process instead, until somebody sends it SIGCONT. */
  readonly signal: "SIGKILL" | "SIGSTOP";
  /** Only where it is about this message: its id, as its tenant knows it. */
  readonly about?: string;
}

let armedPoint: CrashPoint | undefined;
let armed: ArmedCrash | undefined;
let hitsLeft = 0;

/** Arms one point of this process. Only the entry files of tests call it. */
export function armCrash(crash: ArmedCrash): void {
  armed = crash;
  armedPoint = crash.point;
  hitsLeft = crash.hit;
}

/** A moment at which the process may die. `about` is the id of the message in hand. */
export function crashPoint(point: CrashPoint, about?: string): void {
  if (point === armedPoint && isDue(about)) crash();
}

/** As `crashPoint`, for what the caller does next without awaiting anything: the process dies right after that. */
export function crashPointAhead(point: CrashPoint, about?: string): void {
  if (point === armedPoint && isDue(about)) queueMicrotask(crash);
}

function isDue(about: string | undefined): boolean {
  if (armed?.about !== undefined && armed.about !== about) return false;
  return --hitsLeft === 0;
}

function crash(): void {
  process.kill(process.pid, armed?.signal);
}
