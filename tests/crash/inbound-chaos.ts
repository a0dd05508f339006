import type { AppProcess } from "../fleet/app-process.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { until } from "../fleet/until.ts";

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
      const orphans = role === "watcher" ? await mailboxesOf(fleet, workerOf(process)) : [];
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

/** A mailbox that somebody follows, under which fence. */
interface Orphan {
  readonly uid: number;
  readonly fence: number;
}

/** As it said when it joined; undefined where it had not joined yet. */
const workerOf = ({ log }: AppProcess): number | undefined =>
  log.find(({ event }) => event === "joined")?.workerId as number | undefined;

const mailboxesOf = async ({ store }: Fleet, worker: number | undefined): Promise<readonly Orphan[]> =>
  store.db.query<Orphan>(
    `select p.mailbox_uid as uid, s.fence from mailfleet.mailbox_positions p
     join mailfleet.shards s on s.shard = p.shard where s.worker = $1`,
    [worker ?? 0],
  );

/** Looks until each of them is another's, who has raised its fence; how long that took for each, ms. */
async function untilTakenOver(fleet: Fleet, orphans: readonly Orphan[], killedAt: number): Promise<readonly number[]> {
  const tookMs: number[] = [];
  let left = orphans;
  await until("a killed watcher's mailboxes have another owner", async () => {
    const begun = await fleet.store.db.query<{ uid: number }>(
      `select p.mailbox_uid as uid from mailfleet.mailbox_positions p
       join jsonb_to_recordset($1) as o(uid bigint, fence bigint) on o.uid = p.mailbox_uid and p.fence > o.fence`,
      [JSON.stringify(left)],
    );
    const taken = new Set(begun.map(({ uid }) => uid));
    left = left.filter(({ uid }) => !taken.has(uid));
    for (let n = 0; n < taken.size; n++) tookMs.push(performance.now() - killedAt);
    return left.length === 0;
  });
  return tookMs;
}
