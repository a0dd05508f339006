import { afterAll, beforeAll, expect, test } from "vitest";
import { openAnswerJournal, TicketLostError } from "./answer-journal.ts";
import { follow, found, place } from "./testing/inbound-rig.ts";
import { openRig, type Rig } from "./testing/rig.ts";
import type { Ticket } from "./ticket.ts";
import { joinAsWorker, type WorkerLease } from "./worker-lease.ts";

let rig: Rig;
let watcher: WorkerLease;
beforeAll(async () => {
  rig = await openRig();
  watcher = await joinAsWorker(rig.store.db, { app: "imap-watch" });
});
afterAll(async () => {
  await watcher[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

async function claimOne(tenantId: string): Promise<Ticket> {
  const owner = await follow(rig, watcher.id, tenantId);
  await rig.store.following.record(owner, place, [found()]);
  const [ticket] = await rig.store.answering.claim(rig.workerId, 1, 10);
  if (!ticket) throw new Error("nothing was claimed");
  return ticket;
}

test("after a crash recorded steps give their results, and the one that was cut off is done again under its key", async () => {
  const ticket = await claimOne("replay");
  const keys: string[] = [];
  const ask = (name: string, act: () => Promise<string>) => (journal: ReturnType<typeof openAnswerJournal>) =>
    journal.step({ kind: "tool", name, request: { name } }, (key) => {
      keys.push(key);
      return act();
    });
  const first = openAnswerJournal(rig.store.db, ticket, 1);
  expect(await ask("look", async () => "found")(first)).toBe("found");
  const cutOff = ask("order", () => Promise.reject(new Error("cut off")))(first);
  await expect(cutOff).rejects.toThrow("cut off");

  const again = openAnswerJournal(rig.store.db, ticket, 1);
  expect(await ask("look", () => Promise.reject(new Error("asked again")))(again)).toBe("found");
  expect(await ask("order", async () => "ordered")(again)).toBe("ordered");
  expect(keys).toHaveLength(3);
  expect(keys[1]).toBe(keys[2]);
});

test("a worker that lost the message begins no step, and ends none", async () => {
  const ticket = await claimOne("late");
  const journal = openAnswerJournal(rig.store.db, ticket, 1);
  const late = journal.step({ kind: "tool", name: "slow", request: {} }, async () => {
    await rig.store.answering.postpone(ticket, { afterMs: 0 });
    return "too late";
  });
  await expect(late).rejects.toBeInstanceOf(TicketLostError);
  const next = journal.step({ kind: "tool", name: "next", request: {} }, async () => "never");
  await expect(next).rejects.toBeInstanceOf(TicketLostError);
  const [again] = await rig.store.answering.claim(rig.workerId, 1, 10);
  const anew = openAnswerJournal(rig.store.db, again as Ticket, 1);
  expect(await anew.step({ kind: "tool", name: "slow", request: {} }, async () => "in time")).toBe("in time");
});
