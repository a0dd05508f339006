/**
 * A few processes that do one job at a time each, and are killed when a job hangs or eats its memory.
 *
 * They are processes, since a heap limit is no wall around a thread: where V8 cannot free what it needs, it aborts the
 * whole process, and did so for three of eight ways to fill the heap of a `Worker` with `resourceLimits`.
 *
 * Jobs wait here and not in a process, so that the end of one is the end of one job, and all others go on.
 */
import { type ChildProcess, fork } from "node:child_process";

export interface ProcessPoolOptions {
  /** The module that the processes run: it sends `ready`, and then one answer to each message. */
  readonly entry: URL;
  readonly processes: number;
  /** Time for one job. */
  readonly jobMs: number;
  /** Time for a process to load its code. */
  readonly startMs: number;
  /** JavaScript heap of one process; what lies in buffers is not in it. */
  readonly heapMb: number;
  /** Jobs that wait for a process. */
  readonly waiting: number;
}

export type JobOutcome<Answer> =
  | { readonly kind: "done"; readonly answer: Answer }
  | { readonly kind: "timeout" }
  | { readonly kind: "out_of_memory" }
  /** Its process ended in another way, twice: the first may have been somebody else's doing. */
  | { readonly kind: "crashed" }
  /** As many jobs wait as may. */
  | { readonly kind: "busy" };

export interface ProcessPool<Answer> extends AsyncDisposable {
  /**
   * Has a message answered; it must not change until then. Throws where no process starts or takes the message, and
   * where the pool is closed before the job is done.
   */
  run(message: NonNullable<unknown>): Promise<JobOutcome<Answer>>;
}

interface Job<Answer> {
  readonly message: NonNullable<unknown>;
  crashes: number;
  readonly resolve: (outcome: JobOutcome<Answer>) => void;
  readonly reject: (error: Error) => void;
}

interface Member<Answer> {
  readonly child: ChildProcess;
  state: "starting" | "idle" | "working";
  job: Job<Answer> | undefined;
  /** Stops the clock of what the process is doing. */
  stopClock: () => void;
}

/** Opens a pool; processes start when there is work, and stay. */
export function openProcessPool<Answer>(options: ProcessPoolOptions): ProcessPool<Answer> {
  const members = new Set<Member<Answer>>();
  const ending = new Set<Promise<void>>();
  const queue: Job<Answer>[] = [];
  let isClosed = false;

  const assign = () => {
    for (const member of members) {
      if (member.state !== "idle") continue;
      const job = queue.shift();
      if (job) begin(member, job);
    }
    const starting = [...members].filter(({ state }) => state === "starting").length;
    const wanted = Math.min(queue.length - starting, options.processes - members.size);
    for (let i = 0; i < wanted; i++) start();
  };

  const begin = (member: Member<Answer>, job: Job<Answer>) => {
    member.state = "working";
    member.job = job;
    member.stopClock = fairTimeout(options.jobMs, () => finish(member, { kind: "timeout" }));
    const fail = (cause: Error) => {
      if (!discard(member)) return;
      job.reject(new Error("the message cannot be sent to its process", { cause }));
      assign();
    };
    try {
      // A process that ends before it has read everything is told of by its exit.
      member.child.send(job.message, (error) => error && member.child.connected && fail(error));
    } catch (error) {
      fail(error as Error);
    }
  };

  const start = () => {
    const child = forkEntry(options);
    const member: Member<Answer> = { child, state: "starting", job: undefined, stopClock: () => {} };
    member.stopClock = fairTimeout(options.startMs, () => failToStart(member, new Error("it took too long")));
    members.add(member);
    child.on("message", (answer) => {
      if (!members.has(member)) return;
      member.stopClock();
      const job = member.job;
      member.job = undefined;
      member.state = "idle";
      job?.resolve({ kind: "done", answer: answer as Answer });
      assign();
    });
    child.on("error", (error) => {
      if (member.state === "starting") failToStart(member, error);
    });
    child.on("exit", (code, signal) => {
      if (member.state === "starting") failToStart(member, new Error(`it ended with ${signal ?? code}`));
      else if (signal === "SIGABRT") finish(member, { kind: "out_of_memory" });
      else crash(member);
    });
  };

  const discard = (member: Member<Answer>): boolean => {
    if (!members.delete(member)) return false;
    member.stopClock();
    const end = killed(member.child);
    ending.add(end);
    void end.then(() => ending.delete(end));
    return true;
  };

  const finish = (member: Member<Answer>, outcome: JobOutcome<Answer>) => {
    if (!discard(member)) return;
    member.job?.resolve(outcome);
    assign();
  };

  const crash = (member: Member<Answer>) => {
    const { job } = member;
    if (!job || ++job.crashes > 1) return finish(member, { kind: "crashed" });
    if (!discard(member)) return;
    queue.unshift(job);
    assign();
  };

  /** One job pays for it, so that a module that cannot be loaded is not loaded for ever. */
  const failToStart = (member: Member<Answer>, cause: Error) => {
    if (!discard(member)) return;
    queue.shift()?.reject(new Error(`no process starts from ${options.entry.href}`, { cause }));
    assign();
  };

  return {
    run: (message) =>
      new Promise((resolve, reject) => {
        if (isClosed) return reject(closed());
        if (queue.length >= options.waiting) return resolve({ kind: "busy" });
        queue.push({ message, crashes: 0, resolve, reject });
        assign();
      }),
    async [Symbol.asyncDispose]() {
      isClosed = true;
      for (const job of queue.splice(0)) job.reject(closed());
      for (const member of [...members]) {
        discard(member);
        member.job?.reject(closed());
      }
      await Promise.all(ending);
    },
  };
}

const closed = (): Error => new Error("the processes were closed");

function forkEntry({ entry, heapMb }: ProcessPoolOptions): ChildProcess {
  return fork(entry, [], {
    env: {}, // What reads strangers' mail needs none of our secrets.
    execArgv: [
      `--max-old-space-size=${heapMb}`,
      ...(entry.pathname.endsWith(".ts") ? ["--conditions=mailfleet-source"] : []),
    ],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
}

function killed(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}

const clockTicks = 20;

/**
 * A time-out in ticks: where this process stood still (stopped, swapped out, its host asleep), that counts as one tick,
 * since the other may have stood still too. Returns what stops it.
 */
function fairTimeout(ms: number, onTimeout: () => void): () => void {
  let ticks = 0;
  let timer = setTimeout(tick, ms / clockTicks);
  function tick() {
    if (++ticks === clockTicks) return onTimeout();
    timer = setTimeout(tick, ms / clockTicks);
  }
  return () => clearTimeout(timer);
}
