import type { AppProcess } from "../fleet/app-process.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { until } from "../fleet/until.ts";
import { mailboxesOf, untilTakenOver, workerOf } from "./inbound-takeover.ts";

type Role = "watcher" | "answerer" | "dispatcher";

/** Who is to be running at any time, and what a blow may hit. */
const crew: readonly Role[] = [
  ...["watcher", "watcher", "watcher", "answerer", "answerer", "answerer"],
  ...["dispatcher", "dispatcher"],
] as Role[];

/** Someone who kills a process of the fleet at random, and replaces it at once. */
export interface InboundChaos {
  /** Kills one that is at work, and not the last of its kind; resolves with what it was, once another has been started. */
  strike(): Promise<Role>;
  /** For how long each mailbox of each killed watcher had no owner that lives, ms; resolves when all of them have one. */
  takeovers(): Promise<readonly number[]>;
}

/** With the lease that a fleet has where nobody has set another: takeovers are timed. */
const watchSettings = { WATCH_LEASE: "5s" };

export function startInboundChaos(fleet: Fleet, random: () => number): InboundChaos {
  const start = (role: Role): AppProcess => {
    const tells = { LOG_LEVEL: "info" };
    if (role === "watcher") return fleet.startWatch(undefined, { ...tells, ...watchSettings });
    return role === "answerer" ? fleet.startAnswer(undefined, tells) : fleet.startDispatch(undefined, tells);
  };
  const running = crew.map((role) => ({ role, process: start(role) }));
  /** Whose death leaves another of the same kind at work: where there is none, nobody can take over. */
  const mayDie = () => {
    const atWork = running.filter(({ process }) => workerOf(process) !== undefined);
    return atWork.filter(({ role }) => atWork.filter((other) => other.role === role).length > 1);
  };
  const takeovers: Promise<readonly number[]>[] = [];

  return {
    async strike() {
      const victims = await until("somebody may die", () => mayDie().length > 0 && mayDie());
      const victim = victims[Math.floor(random() * victims.length)]!;
      const { role, process } = victim;
      const orphans = role === "watcher" ? await mailboxesOf(fleet, process) : [];
      process.kill("SIGKILL");
      const killedAt = performance.now();
      await process.ended;
      victim.process = start(role);
      const takenOver = untilTakenOver(fleet, orphans, killedAt);
      takenOver.catch(() => {}); // Whoever asks for the takeovers is told.
      takeovers.push(takenOver);
      return role;
    },
    takeovers: async () => (await Promise.all(takeovers)).flat(),
  };
}
