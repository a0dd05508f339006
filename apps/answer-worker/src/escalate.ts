import { callEscalation } from "@mailfleet/answer";
import type { ParsedMessage, Sign } from "@mailfleet/mail";
import type { MailboxAction, Submission } from "@mailfleet/store";
import { escalationLetter } from "./escalation-letter.ts";
import { type CarryOutDeps, fail, type InHand, notAccepted, tell } from "./unanswered.ts";
import type { Verdict } from "./verdict.ts";

/** Whatever of these the mailbox's settings name: called, forwarded, moved. The call comes first, as it may fail. */
export async function escalate(
  deps: CarryOutDeps,
  inHand: InHand,
  { kind: _, note, request, ...findings }: Extract<Verdict, { kind: "escalate" }>,
): Promise<void> {
  const { ticket, mailbox, journal, signal } = inHand;
  const { forwardTo, moveTo, url } = mailbox.settings.answer?.escalate ?? {};
  const failed = (code: string, detail: string): Promise<void> =>
    fail(deps, inHand, { kind: "failed", permanent: true, code, detail, endsAs: "failed", ...findings });
  if (forwardTo === undefined && moveTo === undefined && url === undefined) return failed("escalated", note);

  if (url !== undefined) {
    const { escalateSecret, webhookSecret } = mailbox.secrets;
    const call = { url, secret: escalateSecret ?? webhookSecret, request, note, signal };
    const called = await journal
      .step({ kind: "webhook", name: "escalation", request: { url, inbound: ticket.inboundUid } }, async () => {
        const result = await callEscalation(deps.operator, call);
        if (result.kind === "failed") throw new CallFailed(result);
        return result;
      })
      .catch((error: unknown) => {
        if (error instanceof CallFailed) return error.failure;
        throw error;
      });
    if (called.kind === "failed") return fail(deps, inHand, { ...called, endsAs: "failed", ...findings });
  }
  let submission: Submission | undefined;
  if (forwardTo !== undefined) {
    const letter = await forwarded(deps, inHand, { forwardTo, note, message: request.message });
    if ("ok" in letter) return failed("escalation_unusable", `${letter.field}: ${letter.detail}`);
    submission = letter;
  }
  const actions: readonly MailboxAction[] = moveTo === undefined ? [] : [{ kind: "move", to: moveTo }];
  const end = { state: "skipped", reason: "escalated", detail: note, actions, ...findings } as const;
  const ended = await deps.store.answering.end(ticket, { ...end, ...(submission && { submission }) });
  if (ended.kind === "stopped") return void (await deps.store.answering.postpone(ticket, { afterMs: 0, ...findings }));
  if (ended.kind === "not_accepted") return notAccepted(deps, inHand, ended, findings);
  return tell(deps, inHand, ended);
}

/** Keeps a call that failed out of the journal, which remembers every step that returns. */
class CallFailed extends Error {
  readonly failure: Extract<Awaited<ReturnType<typeof callEscalation>>, { kind: "failed" }>;
  constructor(failure: CallFailed["failure"]) {
    super(failure.code);
    this.failure = failure;
  }
}

const forwarded = (
  { store, nowMs }: CarryOutDeps,
  { ticket, mailbox, content }: InHand,
  what: { readonly forwardTo: string; readonly note: string; readonly message: ParsedMessage },
) => {
  const { answer: settings } = mailbox.settings;
  if (!settings) throw new TypeError("an escalation without its settings");
  const { tenantId, inboundUid } = ticket;
  const sign = store.signers[0] as Sign;
  return escalationLetter({
    ...what,
    tenantId,
    inboundUid,
    mailboxId: mailbox.id,
    settings,
    content,
    date: new Date(nowMs()),
    sign,
  });
};
