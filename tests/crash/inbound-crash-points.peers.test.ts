/**
 * Every named moment of the way in: a process dies right there, another finishes, and nobody but the log can tell: each
 * message has one answer, one `\Answered`, one copy in Sent. What a dying answer worker asks of models is looked at in
 * answering.test.ts.
 */
import { once } from "node:events";
import { inboundCrashPoints } from "@mailfleet/service";
import { type MisbehavingHop, startMisbehavingHop } from "@mailfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AppProcess } from "../fleet/app-process.ts";
import { type InboundHouse, openInboundHouse } from "./inbound-house.ts";
import { inboundViolations } from "./inbound-violations.ts";

type InboundCrashPoint = (typeof inboundCrashPoints)[number];

/** At which time of coming there the process dies. */
const hits: Readonly<Partial<Record<InboundCrashPoint, number>>> = {
  // Flags are an action, and a copy in Sent is another: what dies between the two is half done.
  "watch-before-action": 2,
  "watch-after-action": 2,
  "watch-after-settle": 1,
  "answer-after-answerer": 3,
  "answer-before-commit": 3,
  "answer-after-commit": 3,
};
const mail = 8;

let hop: MisbehavingHop;
let house: InboundHouse;
/** Who runs besides whoever dies. */
let others: AppProcess[];

beforeAll(async () => {
  hop = await startMisbehavingHop({ keepsContent: false });
  house = await openInboundHouse({ hopPort: hop.port });
  house.fleet.startDispatch();
  others = [house.fleet.startWatch(), house.fleet.startAnswer()];
  await house.watchAll();
}, 90_000);
afterAll(async () => {
  await house?.[Symbol.asyncDispose]();
  await hop?.[Symbol.asyncDispose]();
});

const tooLate = (ms: number) =>
  once(AbortSignal.timeout(ms), "abort").then(() => `nobody came to that point within ${ms} ms`);

test.for(inboundCrashPoints)(
  "a process that dies at %s loses no message, and doubles nothing",
  {
    timeout: 120_000,
  },
  async (point) => {
    const { fleet } = house;
    const start = point.startsWith("watch-") ? fleet.startWatch : fleet.startAnswer;
    const which = point.startsWith("watch-") ? 0 : 1;
    others[which]!.kill("SIGTERM");
    await others[which]!.ended;

    const doomed = start({ crash: { point, hit: hits[point] ?? 1, signal: "SIGKILL" } });
    await house.deliver(mail);
    expect(await Promise.race([doomed.ended, tooLate(30_000)])).toBe("SIGKILL");
    others[which] = start();
    await house.ended(60_000);

    expect(await inboundViolations(house, hop.counts())).toEqual([]);
  },
);
