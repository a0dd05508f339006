import type { ParsedMessage } from "@mailfleet/mail";
import type { AnswerContext, AnswerRequest, Journal, StepFacts } from "../answerer.ts";

const message: ParsedMessage = {
  messageId: "<q1@example.org>",
  inReplyTo: [],
  references: [],
  date: new Date("2025-02-03T10:00:00Z"),
  from: [{ name: "Ann", address: "ann@example.org" }],
  replyTo: [],
  to: [{ address: "help@example.com" }],
  cc: [],
  subject: "Opening hours",
  fields: [{ name: "Subject", value: "Opening hours" }],
  text: "When do you open?\n\n> We are closed.",
  attachments: [],
  cuts: [],
};

/** A request to answer one ordinary message, changed where the test cares. */
export function question(
  changes: Partial<Omit<AnswerRequest, "message">> & { readonly message?: Partial<ParsedMessage> } = {},
): AnswerRequest {
  return {
    tenantId: "acme",
    mailboxId: "help",
    inboundId: "0197a000-0000-7000-8000-000000000001",
    receivedAt: new Date("2025-02-03T10:00:05Z"),
    attempt: 1,
    written: "When do you open?",
    correspondent: { name: "Ann", address: "ann@example.org" },
    thread: [],
    authenticated: true,
    ...changes,
    message: { ...message, ...changes.message },
  };
}

/** A journal in memory; several contexts that share one are one message, tried again after a crash. */
export class MemoryJournal implements Journal {
  readonly results = new Map<string, string>();

  async step<T>(facts: StepFacts, act: (idempotencyKey: string) => Promise<T>): Promise<T> {
    const key = JSON.stringify(facts);
    const known = this.results.get(key);
    if (known !== undefined) return JSON.parse(known);
    const result = await act(`key-${Buffer.from(key).toString("base64url").slice(-16)}`);
    this.results.set(key, JSON.stringify(result));
    return result;
  }
}

export const context = (journal: Journal = new MemoryJournal()): AnswerContext => ({
  journal,
  signal: new AbortController().signal,
});
