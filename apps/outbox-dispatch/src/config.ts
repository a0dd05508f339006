import { type Environment, type Reader, readWorkerConfig } from "@mailfleet/config";

export type Config = ReturnType<typeof readConfig>;

/** Everything that a process of outbox-dispatch's own can be told. A bad environment is reported whole, at start. */
export const readConfig = (env: Environment) => readWorkerConfig(env, dispatchSettings);

/** The settings that only outbox-dispatch has. */
export function dispatchSettings({ integer, duration, text }: Reader) {
  return {
    slots: integer("DISPATCH_SLOTS", "Turns that one process takes at once.", { min: 1, max: 512, otherwise: 32 }),
    expressSlots: integer("DISPATCH_EXPRESS_SLOTS", "Turns reserved for `immediate` mail.", {
      min: 1,
      max: 128,
      otherwise: 4,
    }),
    turnMessages: integer("DISPATCH_TURN_MESSAGES", "Messages after which a turn makes room, where others wait.", {
      min: 1,
      max: 100_000,
      otherwise: 500,
    }),
    turnMs: duration("DISPATCH_TURN", "Time after which a turn makes room, where others wait.", {
      min: "100ms",
      max: "10m",
      otherwise: "10s",
    }),
    slowMs: duration("DISPATCH_SLOW", "A message that takes longer keeps its lane and frees its slot.", {
      min: "100ms",
      max: "10m",
      otherwise: "3s",
    }),
    idleMs: duration("DISPATCH_IDLE", "How long a connection is kept for the account's next message.", {
      min: "0s",
      max: "5m",
      otherwise: "2s",
    }),
    sweepMs: duration("DISPATCH_SWEEP", "How often the sweep looks for due mail that has no errand.", {
      min: "100ms",
      max: "1m",
      otherwise: "1s",
    }),
    leaseMs: duration("WORKER_LEASE", "How long a silent process keeps what it had in hand, before others take over.", {
      min: "1s",
      max: "5m",
      otherwise: "10s",
    }),
    ehloName: text("EHLO_NAME", "What the fleet calls itself to next hops, and as Reporting-MTA.", {
      otherwise: "mailfleet.localhost",
    }),
  };
}
