import { type Environment, type Reader, readWorkerConfig } from "@mailfleet/config";

export type Config = ReturnType<typeof readConfig>;

/** Everything that a process of imap-watch's own can be told. A bad environment is reported whole, at start. */
export const readConfig = (env: Environment) => readWorkerConfig(env, watchSettings);

export type WatchSettings = ReturnType<typeof watchSettings>;

/** The settings that only imap-watch has. */
export function watchSettings({ integer, duration }: Reader) {
  return {
    watchLeaseMs: duration("WATCH_LEASE", "How long a silent watcher keeps its mailboxes, before others take over.", {
      min: "1s",
      max: "1m",
      otherwise: "5s",
    }),
    watchNewsMs: duration("WATCH_NEWS", "How often a watcher asks what is to be done in its mailboxes.", {
      min: "50ms",
      max: "10s",
      otherwise: "500ms",
    }),
    loginsPerSecond: integer("WATCH_LOGINS_PER_SECOND", "Logins at one IMAP host, of the whole fleet.", {
      min: 1,
      max: 10_000,
      otherwise: 25,
    }),
    maxWaiting: integer(
      "WATCH_MAX_WAITING",
      "Messages that wait for answers, beyond which only tenants with less than their share are let in.",
      {
        min: 1,
        max: 10_000_000,
        otherwise: 10_000,
      },
    ),
    maxWaitingPerTenant: integer(
      "WATCH_MAX_WAITING_PER_TENANT",
      "Messages of one tenant that wait for answers, beyond which none of its own are taken in.",
      { min: 1, max: 10_000_000, otherwise: 2_000 },
    ),
    messageBytes: integer("WATCH_MESSAGE_BYTES", "Larger messages are recorded without their content, and skipped.", {
      min: 65_536,
      // What the parser reads at most.
      max: 27_262_976,
      otherwise: 26_214_400,
    }),
    bytesInFlight: integer(
      "WATCH_BYTES_IN_FLIGHT",
      "Content that one process holds at once; a quarter of it at most for one tenant.",
      {
        min: 33_554_432,
        max: 4_294_967_296,
        otherwise: 134_217_728,
      },
    ),
  };
}
