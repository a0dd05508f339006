/** Rows 1 and 2: draining a backlog, against a bare loop over a nodemailer pool to the same sink. */
import { type Lab, tenantId } from "../lab.ts";
import { startProgram } from "../parts/child.ts";
import { clearOutbox, letter, seed, settle } from "../parts/seed.ts";
import { startSink } from "../parts/sink.ts";
import { type Window, watch } from "../parts/window.ts";

export interface DrainOptions {
  /** Processes on each side. */
  readonly processes: number;
  /** Pairs of measurements, ours and theirs in turn. */
  readonly pairs: number;
  readonly seconds: number;
}

export interface Drain {
  readonly ours: readonly Window[];
  readonly theirs: readonly Window[];
}

/** Connections of each process. */
const connections = 20;
/** Both sides are warm after this: code is compiled, connections are open. */
const warmMs = 3_000;
/** More than any process has sent per second, so that no backlog ends before its measurement. */
const generousPerSecond = 9_000;
const startWithinMs = 30_000;

export async function drain(lab: Lab, { processes, pairs, seconds }: DrainOptions): Promise<Drain> {
  const ours: Window[] = [];
  const theirs: Window[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    theirs.push(await bareLoops(lab, processes, seconds));
    ours.push(await dispatches(lab, processes, seconds));
  }
  return { ours, theirs };
}

async function bareLoops(lab: Lab, processes: number, seconds: number): Promise<Window> {
  await using sink = await startSink(lab.folder);
  await using stack = new AsyncDisposableStack();
  const loops = Array.from({ length: processes }, () =>
    stack.use(startProgram("bench/programs/bare-loop.ts", { port: sink.port, connections, letter })),
  );
  await sink.reaches(1, startWithinMs);
  await new Promise((resolve) => setTimeout(resolve, warmMs));
  const groups = [
    { name: "loop", pids: loops.map(({ pid }) => pid), withChildren: false },
    { name: "sink", pids: [sink.pid], withChildren: false },
  ];
  return await watch({ count: sink.count, groups }, seconds);
}

async function dispatches(lab: Lab, processes: number, seconds: number): Promise<Window> {
  await using sink = await startSink(lab.folder);
  await clearOutbox(lab.db);
  const accountUid = await lab.account(sink.port, connections * processes);
  const deliveries = Math.round((seconds + warmMs / 1_000 + 1) * generousPerSecond * Math.min(processes, 1.5));
  await seed(lab.db, { tenantId, accountUid, deliveries });
  await settle(lab.db);
  await using stack = new AsyncDisposableStack();
  // As many turns as connections, so that two processes share the lanes as two loops share the machine.
  const settings = { MAILFLEET_DISPATCH_SLOTS: String(connections) };
  const apps = Array.from({ length: processes }, () => stack.use(lab.startDispatch(settings)));
  await sink.reaches(1, startWithinMs);
  await new Promise((resolve) => setTimeout(resolve, warmMs));
  const groups = [
    { name: "dispatch", pids: apps.map(({ pid }) => pid), withChildren: false },
    ...lab.servers,
    { name: "sink", pids: [sink.pid], withChildren: false },
  ];
  const window = await watch({ count: sink.count, groups, fleet: lab }, seconds);
  if (sink.count() >= deliveries) throw new Error("the backlog ended before its measurement did");
  return window;
}
