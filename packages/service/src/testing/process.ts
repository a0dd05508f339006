import { run } from "../run.ts";

/**
 * A process for the tests of `run`, in the way that its first argument names. It says each step on the standard
 * output; "ready" means that it listens to signals.
 */
const say = (text: string) => process.stdout.write(`${text}\n`);
const resource = (name: string, close: () => Promise<void> = async () => {}) => ({
  async [Symbol.asyncDispose]() {
    say(`close ${name}`);
    await close();
  },
});
const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
const forever = () => new Promise<void>(() => setInterval(() => {}, 60_000));

const ways: Readonly<Record<string, Parameters<typeof run>[0]>> = {
  drains: async ({ own, draining, stopping }) => {
    own(resource("first"), "first");
    own(resource("second"), "second");
    say("ready");
    setInterval(() => {}, 60_000).unref();
    const alive = setInterval(() => {}, 60_000);
    await aborted(draining);
    say(`draining, stopping: ${stopping.aborted}`);
    clearInterval(alive);
  },
  "drains slowly": async ({ draining, stopping }) => {
    say("ready");
    const alive = setInterval(() => {}, 60_000);
    await aborted(draining);
    await aborted(stopping);
    say("stopping");
    clearInterval(alive);
  },
  "never drains": async () => {
    say("ready");
    await forever();
  },
  "closes with trouble": async ({ own }) => {
    own(resource("first"), "first");
    own(resource("stuck", forever), "stuck");
    own(
      resource("broken", async () => {
        throw new Error("it broke");
      }),
      "broken",
    );
    say("ready");
  },
  "leaves a timer": async () => {
    say("ready");
    setInterval(() => {}, 60_000);
  },
  fails: async ({ own }) => {
    own(resource("first"), "first");
    throw new Error("cannot start");
  },
};

await run(ways[process.argv[2] ?? ""]!, { graceMs: 200, closeMs: 200 });
