/** A watcher or an answer worker that stands still for longer than its lease, and goes on when others have its work. */
import type { CrashPoint } from "@mailfleet/service";
import { type MisbehavingHop, type ModelServer, startMisbehavingHop, startModelServer } from "@mailfleet/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AppProcess } from "../fleet/app-process.ts";
import { until } from "../fleet/until.ts";
import { type InboundHouse, modelAt, openInboundHouse } from "./inbound-house.ts";
import { inboundViolations } from "./inbound-violations.ts";
import { isStopped } from "./is-stopped.ts";

const mail = 6;
const timeout = 120_000;

let hop: MisbehavingHop;
let model: ModelServer;
let house: InboundHouse;
let watcher: AppProcess;
let answerer: AppProcess;

beforeAll(async () => {
  hop = await startMisbehavingHop();
  model = await startModelServer();
  house = await openInboundHouse({ hopPort: hop.port, answer: modelAt(model.url) });
  house.fleet.startDispatch();
  watcher = house.fleet.startWatch();
  answerer = house.fleet.startAnswer();
  await house.watchAll();
}, 90_000);
afterAll(async () => {
  await house?.[Symbol.asyncDispose]();
  await model?.[Symbol.asyncDispose]();
  await hop?.[Symbol.asyncDispose]();
});

async function leaves(process: AppProcess): Promise<void> {
  process.kill("SIGTERM");
  await process.ended;
}

describe("a watcher that slept through its lease", () => {
  const points: readonly CrashPoint[] = ["watch-before-record", "watch-before-action", "watch-after-action"];

  test.for(points)(
    "at %s changes nothing when it wakes up, and follows mailboxes again",
    { timeout },
    async (point) => {
      const { fleet } = house;
      await leaves(watcher);
      await house.deliver(mail);
      const sleeper = fleet.startWatch({ crash: { point, hit: 1, signal: "SIGSTOP" } });
      await until("it sleeps", () => isStopped(sleeper.pid));
      const other = fleet.startWatch();
      await house.ended();

      const before = await whatIsKnown();
      sleeper.kill("SIGCONT");
      await until("it has a share again", async () => (await owners()) === 2);
      expect(await whatIsKnown()).toEqual(before);
      expect(await inboundViolations(house, hop.counts())).toEqual([]);

      // Alone again, it does all that there is to do.
      await leaves(other);
      watcher = sleeper;
      await house.deliver(mail);
      await house.ended();
      expect(await inboundViolations(house, hop.counts())).toEqual([]);
    },
  );
});

describe("an answer worker that slept through its lease", () => {
  test("while a model was thinking has its late answer refused, and goes on answering", { timeout }, async () => {
    const late = Promise.withResolvers<void>();
    const asked = model.requests.length;
    model.script({ text: "This comes too late.", after: late.promise });
    await house.deliver(1);
    await model.asked(asked + 1);
    answerer.kill("SIGSTOP");
    const other = house.fleet.startAnswer();
    await house.ended();

    late.resolve();
    answerer.kill("SIGCONT");
    await answerer.says(({ event }) => event === "lease_lost");
    await leaves(other);
    await house.deliver(mail);
    await house.ended();
    expect(await inboundViolations(house, hop.counts())).toEqual([]);
    expect(hop.messages.filter(({ content }) => content.includes("too late"))).toEqual([]);
  });

  const points: readonly CrashPoint[] = ["answer-after-claim", "answer-after-answerer", "answer-before-commit"];

  test.for(points)("at %s changes nothing when it wakes up, and answers again", { timeout }, async (point) => {
    const { fleet } = house;
    await leaves(answerer);
    await house.deliver(mail);
    const sleeper = fleet.startAnswer({ crash: { point, hit: 2, signal: "SIGSTOP" } });
    await until("it sleeps", () => isStopped(sleeper.pid));
    const other = fleet.startAnswer();
    await house.ended();

    const before = await whatIsKnown();
    sleeper.kill("SIGCONT");
    await sleeper.says(({ event }) => event === "lease_lost");
    await leaves(other);
    expect(await whatIsKnown()).toEqual(before);
    answerer = sleeper;
    await house.deliver(mail);
    await house.ended();
    expect(await inboundViolations(house, hop.counts())).toEqual([]);
  });
});

/** How many watchers have a share of the mailboxes. */
async function owners(): Promise<number> {
  const { store } = house.fleet;
  const [row] = await store.db.query<{ n: number }>("select count(distinct worker) as n from mailfleet.shards");
  return row?.n ?? -1;
}

/** All that was written of messages and mailboxes, but for who follows them. */
const whatIsKnown = () =>
  house.fleet.store.db.query(
    `select (select json_agg(i order by i.uid) from mailfleet.inbound i) as inbound,
       (select json_agg(x order by x.id) from mailfleet.mailbox_actions x) as actions,
       (select json_agg(a order by a.inbound_uid) from mailfleet.answers a) as answers,
       (select json_agg(s order by s.inbound_uid, s.run, s.step) from mailfleet.answer_steps s) as steps,
       (select json_agg(json_build_object('uid', p.mailbox_uid, 'watermark', p.watermark) order by 1::text)
        from (select * from mailfleet.mailbox_positions order by mailbox_uid) p) as positions`,
  );
