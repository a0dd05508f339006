import { crashPoint } from "@mailfleet/service";
import type { Answered, Findings } from "@mailfleet/store";
import { escalate } from "./escalate.ts";
import { outgoingAnswer } from "./outgoing-answer.ts";
import { type CarryOutDeps, factsOf, fail, type InHand, notAccepted, tell } from "./unanswered.ts";
import type { Verdict } from "./verdict.ts";

/** Writes what was found out. Every branch is one transaction, and writes nothing where the ticket is in other hands. */
export async function carryOut(deps: CarryOutDeps, inHand: InHand, verdict: Verdict): Promise<void> {
  const { store } = deps;
  const { ticket } = inHand;
  switch (verdict.kind) {
    case "skip": {
      const { kind: _, ...end } = verdict;
      return tell(deps, inHand, await store.answering.end(ticket, { state: "skipped", ...end }));
    }
    case "report":
      return recordReport(deps, inHand, verdict);
    case "wait": {
      const { kind: _, ...wait } = verdict;
      await store.answering.postpone(ticket, wait);
      return;
    }
    case "look":
      await store.answering.lookFirst(ticket);
      return;
    case "escalate":
      return escalate(deps, inHand, verdict);
    case "letter":
      return deliver(deps, inHand, verdict);
    case "failed":
      return fail(deps, inHand, verdict);
    default:
      throw new TypeError(`no verdict: ${JSON.stringify(verdict satisfies never)}`);
  }
}

async function deliver(
  deps: CarryOutDeps,
  inHand: InHand,
  verdict: Extract<Verdict, { kind: "letter" }>,
): Promise<void> {
  const { store } = deps;
  const { ticket, mailbox } = inHand;
  const { answer: settings } = mailbox.settings;
  const { letter, answerer, transcript } = verdict;
  if (!settings) throw new TypeError("an answer without its settings");
  const { correspondent, draft } = letter;
  const findings: Findings & { readonly draft: typeof draft } = {
    correspondent,
    draft,
    ...(transcript !== undefined && { transcript }),
  };
  const mode = ticket.approved ? "send" : settings.mode;
  switch (mode) {
    case "shadow":
      return tell(deps, inHand, await store.answering.end(ticket, { state: "skipped", reason: "shadow", ...findings }));
    case "approve":
      if (await store.answering.askForApproval(ticket, findings))
        deps.telemetry.awaitingApproval(factsOf(ticket, mailbox));
      return;
    case "send":
    case "draft": {
      const outgoing = outgoingAnswer(
        ticket,
        { letter, answerer, settings, transcript },
        mode === "send" ? "outbox" : "drafts",
      );
      crashPoint("answer-before-commit", ticket.inboundUid);
      const answered = await store.answering.answer(ticket, outgoing);
      crashPoint("answer-after-commit", ticket.inboundUid);
      return afterAnswer(deps, inHand, answered, { answerer, messageId: letter.messageId, findings });
    }
  }
}

async function afterAnswer(
  deps: CarryOutDeps,
  inHand: InHand,
  answered: Answered,
  {
    answerer,
    messageId,
    findings,
  }: { readonly answerer: string; readonly messageId: string; readonly findings: Findings },
): Promise<void> {
  const { store, telemetry } = deps;
  const { ticket, mailbox } = inHand;
  switch (answered.kind) {
    case "answered":
      if (answered.accountUid !== undefined) deps.wakeOutbox(answered.accountUid);
      return telemetry.answered({ ...factsOf(ticket, mailbox), answerer, messageId });
    case "lost":
      return;
    case "stopped":
      // Nobody claims it before the switch is off again.
      await store.answering.postpone(ticket, { afterMs: 0 });
      return;
    case "refused":
      if (answered.reason === "tenant_suspended") {
        await store.answering.postpone(ticket, { afterMs: 0 });
        return;
      }
      return tell(
        deps,
        inHand,
        await store.answering.end(ticket, { state: "skipped", reason: answered.reason, ...findings }),
      );
    case "not_accepted":
      return notAccepted(deps, inHand, answered, findings);
  }
}

async function recordReport(
  deps: CarryOutDeps,
  inHand: InHand,
  { kind: _, report, ...told }: Extract<Verdict, { kind: "report" }>,
): Promise<void> {
  const { tenantId, inboundUid } = inHand.ticket;
  const end = { state: "skipped", ...told } as const;
  const isForReports = inHand.mailbox.settings.role === "bounces";
  const arrived = { tenantId, inboundUid, isForReports, report };
  const ended = await deps.store.answering.end(inHand.ticket, end, async (tx) => {
    const recorded = await deps.store.deliveryReports.record(tx, arrived);
    if (recorded.kind === "unmatched") return undefined;
    const about = `${report.kind} for ${recorded.deliveryUid}: ${recorded.effect}`;
    return { reason: isForReports ? "bounce_recorded" : told.reason, detail: about };
  });
  return tell(deps, inHand, ended);
}
