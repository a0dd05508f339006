import type { AnswerSettings, MailboxSettings } from "@mailfleet/mail";
import { type AnswerWorker, startAnswerWorker } from "./answer-worker.ts";
import { type Correspondents, openCorrespondents } from "./correspondents.ts";
import { type Errands, openErrands } from "./errands.ts";
import { inbox, openMailServer } from "./mail-server.ts";
import { openPeople, type People } from "./people.ts";
import type { MailboxPlan } from "./plan.ts";
import { startWatcher, type Watcher } from "./watcher.ts";
import { asNobody, type Mailbox, type World } from "./world.ts";

/** All processes of a seed, and those who use them. Whoever dies or goes is replaced after a while. */
export interface Fleet {
  readonly watchers: readonly Watcher[];
  readonly workers: readonly AnswerWorker[];
  readonly errands: Errands;
  readonly correspondents: Correspondents;
  readonly people: People;
}

export async function openFleet(world: World): Promise<Fleet> {
  const { plan, random, timeline, outside } = world;
  for (const one of plan.mailboxes) world.mailboxes.push(await asNobody(world, () => makeMailbox(world, one)));
  const watchers: Watcher[] = [];
  const workers: AnswerWorker[] = [];
  const errands = openErrands(world, () => workers);
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
  for (let place = 0; place < plan.watchers; place++)
    keep(place, watchers, "w", (name, onGone) => startWatcher(world, name, errands, onGone));
  for (let place = 0; place < plan.workers; place++)
    keep(place, workers, "a", (name, onGone) => startAnswerWorker(world, name, onGone));
  const correspondents = openCorrespondents(world);
  return { watchers, workers, errands, correspondents, people: openPeople(world, errands) };
}

async function makeMailbox({ database }: World, plan: MailboxPlan): Promise<Mailbox> {
  const { tenants, accounts, mailboxes } = database.store;
  const address = `${plan.id}.${plan.tenantId}@acme.test`;
  if (!(await tenants.get(plan.tenantId))) {
    await tenants.put(plan.tenantId, {});
    await accounts.put(plan.tenantId, "main", { host: "hop.test", port: 25, security: "none" });
  }
  const settings: MailboxSettings = {
    host: "imap.test",
    port: 143,
    security: "none",
    auth: { kind: "password", user: address },
    folder: inbox,
    mode: plan.how,
    pollIntervalMs: 3_000,
    take: plan.take,
    role: "answer",
    answer: answerSettings(plan, address),
    maxAgeMs: 259_200_000,
    recordsReturnPath: false,
    authservIds: [],
    ownAddresses: [],
  };
  const put = await mailboxes.put(plan.tenantId, plan.id, settings, { pass: "hush" });
  const opened = put.kind === "put" ? await mailboxes.open(put.mailbox.uid, put.mailbox.revision) : undefined;
  if (!opened) throw new Error(`the mailbox was not made: ${put.kind}`);
  return { plan, address, opened, server: openMailServer() };
}

const answerSettings = (plan: MailboxPlan, address: string): AnswerSettings => ({
  answerer: { kind: "template", text: "Never rendered." },
  mode: plan.mode,
  from: `Help <${address}>`,
  ...(plan.answerAfterMs !== undefined && { answerAfterMs: plan.answerAfterMs }),
  quoteOriginal: false,
  ...(plan.appendTo !== undefined && { appendTo: plan.appendTo }),
  markAnswered: true,
  markSeen: plan.markSeen,
  ...(plan.moveTo !== undefined && { moveTo: plan.moveTo }),
  inDoubt: "hold",
  limits: { perCorrespondentPerDay: plan.perCorrespondentPerDay, perHour: plan.perHour, threadDepth: 10 },
  requireAuthentication: false,
  ...(plan.forwardTo !== undefined && { escalate: { forwardTo: plan.forwardTo } }),
  maxTries: 3,
});
