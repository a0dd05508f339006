import { randomBytes } from "node:crypto";
import { type AnswerSettings, type MailboxSettings, newId } from "@mailfleet/mail";
import { openAnswerJournal } from "../answer-journal.ts";
import type { Answer } from "../answer-transaction.ts";
import type { FoundMessage, Ownership } from "../following.ts";
import type { Ticket } from "../ticket.ts";
import type { Rig } from "./rig.ts";

export const answerSettings: AnswerSettings = {
  answerer: { kind: "template", text: "Thank you." },
  mode: "send",
  from: "help@example.org",
  quoteOriginal: false,
  markAnswered: true,
  markSeen: false,
  inDoubt: "hold",
  limits: { perCorrespondentPerDay: 2, perHour: 100, threadDepth: 10 },
  requireAuthentication: false,
  maxTries: 5,
};
export const mailboxSettings: MailboxSettings = {
  host: "127.0.0.1",
  port: 143,
  security: "none",
  auth: { kind: "password", user: "help@example.org" },
  folder: "INBOX",
  mode: "idle",
  pollIntervalMs: 60_000,
  take: "unseen",
  role: "answer",
  answer: answerSettings,
  maxAgeMs: 259_200_000,
  recordsReturnPath: false,
  authservIds: [],
  ownAddresses: [],
};
/** A message as a watcher finds it; each is another. */
export const found = (changes: Partial<FoundMessage> = {}): FoundMessage => ({
  uid: newId(),
  fingerprint: randomBytes(32),
  messageId: "<one@example.net>",
  headerFrom: "ann@example.net",
  subject: "Hello",
  imapUid: 1,
  flags: [],
  arrivedAt: new Date(),
  sizeBytes: 5,
  content: Buffer.from("hello"),
  ...changes,
});
export const place = { folder: "INBOX", uidValidity: 7 };

/** A tenant with an account and a mailbox that this watcher follows. */
export async function follow(rig: Rig, watcherId: number, tenantId: string): Promise<Ownership> {
  await rig.account(tenantId);
  const put = await rig.store.mailboxes.put(tenantId, "help", mailboxSettings, { pass: "secret" });
  if (put.kind !== "put") throw new Error(put.kind);
  const shards = await rig.store.shards.share(watcherId, 256);
  const owned = shards.find(({ shard }) => shard === put.mailbox.uid % 256);
  const owner = { mailboxUid: put.mailbox.uid, workerId: watcherId, fence: owned?.fence ?? -1 };
  if (!(await rig.store.following.begin(owner))) throw new Error("the shard is another's");
  return owner;
}

const submissionFor = (ticket: Ticket) => ({
  tenantId: ticket.tenantId,
  origin: "answer" as const,
  id: ticket.inboundUid,
  digest: new Uint8Array(32),
  envelope: { reversePath: "", recipients: [{ address: "ann@example.net" }], smtpUtf8: false, eightBit: false },
  messageId: `<${ticket.inboundUid}@example.org>`,
  content: Buffer.from("Subject: Re: Hello\r\n\r\nThank you.\r\n"),
  priority: "medium" as const,
  inDoubt: "hold" as const,
  via: "internal" as const,
});
/** An answer to a ticket, from a template. */
export const answerTo = (ticket: Ticket): Answer => ({
  answerer: "template",
  correspondent: "ann@example.net",
  messageId: `<${ticket.inboundUid}@example.org>`,
  references: [],
  submission: submissionFor(ticket),
  actions: [{ kind: "flags" as const, add: ["\\Answered"] }],
  limits: answerSettings.limits,
});

/** Puts rows of a tenant into every table of the way in. */
export async function fillInbound(rig: Rig, tenantId: string): Promise<void> {
  const { store, workerId } = rig;
  await store.db.query("update mailfleet.workers set app = 'imap-watch' where id = $1", [workerId]);
  const owner = await follow(rig, workerId, tenantId);
  await store.following.record(owner, place, [found(), found({ messageId: "<two@example.net>", imapUid: 2 })]);
  const [ticket] = (await store.answering.claim(workerId, 1, 10)) as [Ticket];
  await openAnswerJournal(store.db, ticket, 1).step({ kind: "tool", name: "look", request: {} }, async () => "done");
  await store.answering.answer(ticket, answerTo(ticket));
  await store.modelBudget.spend(tenantId, owner.mailboxUid, { tokens: 10, cost: 0.1 });
  await store.inbound.stopAnswering(tenantId, "admin");
  await store.questions.ask("verify", { tenantId, mailboxUid: owner.mailboxUid });
  if ((await store.accessTokens.claim(owner, workerId)).kind !== "refresh") throw new Error("another refreshes");
}
