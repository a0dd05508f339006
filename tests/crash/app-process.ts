/**
 * An app of the fleet as its `main.ts` runs it, in a process of a test's own, with a crash armed or its clock moved.
 *
 * The first argument names the app, the second is an `AppTrouble` in JSON.
 */
import { armCrash } from "@mailfleet/service";
import type { AppTrouble } from "../fleet/app-process.ts";

const mains: Readonly<Record<string, string>> = {
  intake: "../../apps/intake/src/main.ts",
  dispatch: "../../apps/outbox-dispatch/src/main.ts",
  watch: "../../apps/imap-watch/src/main.ts",
  answer: "../../apps/answer-worker/src/main.ts",
};

const [, , app = "", json = "{}"] = process.argv;
const { crash, clockShiftMs = 0 }: AppTrouble = JSON.parse(json);
if (crash) armCrash(crash);
if (clockShiftMs !== 0) moveClock(clockShiftMs);

// The test holds the other end: when it dies, so does this, and no process is left behind. It keeps nothing alive.
process.stdin.resume().once("end", () => process.exit(0));
(process.stdin as unknown as { unref(): void }).unref();

await import(mains[app] ?? app);

/** Whoever asks what time it is hears a wrong answer; the monotonic clock stays as it is. */
function moveClock(shiftMs: number): void {
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...given: []) {
      if (given.length === 0) super(RealDate.now() + shiftMs);
      else super(...given);
    }
    static override now(): number {
      return RealDate.now() + shiftMs;
    }
  } as DateConstructor;
}
