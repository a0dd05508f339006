import { defaultRetryPolicy } from "@mailfleet/mail";
import type { AccountSettings, SendingAccount } from "@mailfleet/store";
import { type Dispatcher, startDispatcher } from "./dispatcher.ts";
import { type Errands, openErrands } from "./errands.ts";
import { type Intake, startIntake } from "./intake.ts";
import { openPeople, type People } from "./people.ts";
import type { AccountPlan } from "./plan.ts";
import { openSenders, type Senders } from "./senders.ts";
import { directly, type World } from "./world.ts";

/** All processes of a seed, and those who use them. Whoever dies or goes is replaced after a while. */
export interface Fleet {
  readonly dispatchers: readonly Dispatcher[];
  readonly intakes: readonly Intake[];
  readonly errands: Errands;
  readonly senders: Senders;
  readonly people: People;
}

export async function openFleet(world: World): Promise<Fleet> {
  const { plan, random, timeline, outside } = world;
  for (const account of plan.accounts) {
    const made = await directly(world, () => makeAccount(world, account));
    world.accounts.set(made.uid, made);
  }
  const dispatchers: Dispatcher[] = [];
  const intakes: Intake[] = [];
  const errands = openErrands(world, () => dispatchers);
  let born = 0;

  /** Starts a process at `place`, and another one in its place once it is gone. */
  function keep<T>(place: number, all: T[], prefix: string, start: (name: string, onGone: () => void) => T) {
    const name = `${prefix}${++born}`;
    timeline.note(`${name} starts`);
    all[place] = start(name, () => {
      const run = () => keep(place, all, prefix, start);
      timeline.add({ actor: outside, label: "", delayMs: random.between(200, 5_000), run });
    });
  }
  for (let place = 0; place < plan.dispatchers; place++)
    keep(place, dispatchers, "d", (name, onGone) => startDispatcher({ world, name, errands, onGone }));
  for (let place = 0; place < plan.intakes; place++)
    keep(place, intakes, "i", (name, onGone) => startIntake(world, name, onGone));

  const senders = openSenders(
    world,
    () => intakes,
    (accountUid, express) => errands.wake({ accountUid, lane: 0, express }),
  );
  return { dispatchers, intakes, errands, senders, people: openPeople(world, errands) };
}

async function makeAccount({ database }: World, plan: AccountPlan): Promise<SendingAccount> {
  const { tenants, accounts } = database.store;
  const { tenantId, id, maxConnections, perMinute, perDomainPerMinute, retry } = plan;
  const limits = {
    ...(perMinute !== undefined && { perMinute }),
    ...(perDomainPerMinute !== undefined && { perDomain: { "*": { perMinute: perDomainPerMinute } } }),
  };
  const settings: AccountSettings = { host: "hop.test", port: 25, security: "none", maxConnections, limits, retry };
  if (!(await tenants.get(tenantId))) await tenants.put(tenantId, {});
  const put = await accounts.put(tenantId, id, settings);
  if (put.kind !== "put") throw new Error(`the account was not made: ${put.kind}`);
  const { uid, revision } = put.account;
  return {
    uid,
    tenantId,
    id,
    revision,
    settings,
    secrets: {},
    maxConnections,
    retry: { ...defaultRetryPolicy, ...retry },
  };
}
