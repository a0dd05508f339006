import { createHash } from "node:crypto";
import type { Database } from "./database.ts";
import type { Ticket } from "./ticket.ts";

/** The worker is not the one that works on the message any more: stop, and write nothing. */
export class TicketLostError extends Error {
  readonly code = "ticket_lost";
}

export interface StepFacts {
  readonly kind: string;
  readonly name: string;
  /** What was asked: anything that JSON can say. */
  readonly request: unknown;
}

/**
 * What an answerer's steps came to, in their order. After a crash the steps are asked for again: those that were recorded
 * give their results, and the one that was interrupted is done again under the same idempotency key.
 */
export interface AnswerJournal {
  /** Throws TicketLostError. A step that throws is not recorded. */
  step<T>(facts: StepFacts, act: (idempotencyKey: string) => Promise<T>): Promise<T>;
}

export function openAnswerJournal(db: Database, ticket: Ticket, run: number): AnswerJournal {
  const { inboundUid, tenantId } = ticket;
  let next = 0;

  return {
    async step(facts, act) {
      const step = next++;
      const digest = createHash("sha256")
        .update(JSON.stringify([facts.kind, facts.name, facts.request ?? null]))
        .digest();
      const key = `${inboundUid}-${run}-${step}`;
      const [row] = await db.query<{ result: { value?: unknown } | null; is_same: boolean }>(
        `insert into mailfleet.answer_steps as s (inbound_uid, run, step, tenant_id, kind, name, request_digest, idempotency_key)
         select $1, $2, $3, $4, $5, $6, $7, $8 from mailfleet.answering a where a.inbound_uid = $1 and a.worker = $9 and a.fence = $10
         on conflict (inbound_uid, run, step) do update set started_at = case when s.ended_at is null then now() else s.started_at end
         returning s.result, s.request_digest = $7 as is_same`,
        [inboundUid, run, step, tenantId, facts.kind, facts.name, digest, key, ticket.workerId, ticket.fence],
      );
      if (!row) throw new TicketLostError("the message is in other hands");
      if (row.result && row.is_same) return row.result.value as never;
      if (!row.is_same) {
        // The answerer went another way than before: what was recorded from here on belongs to that one.
        await db.query("delete from mailfleet.answer_steps where inbound_uid = $1 and run = $2 and step > $3", [
          inboundUid,
          run,
          step,
        ]);
      }
      const value = await act(row.is_same ? key : `${key}-${digest.toString("hex", 0, 8)}`);
      const written = await db.query(
        `update mailfleet.answer_steps s set result = $4, ended_at = now(), request_digest = $5, kind = $6, name = $7
         from mailfleet.answering a
         where s.inbound_uid = $1 and s.run = $2 and s.step = $3 and a.inbound_uid = $1 and a.worker = $8 and a.fence = $9
         returning 1`,
        [
          ...[inboundUid, run, step, JSON.stringify({ value }), digest, facts.kind, facts.name],
          ...[ticket.workerId, ticket.fence],
        ],
      );
      if (written.length === 0) throw new TicketLostError("the message went into other hands meanwhile");
      return value;
    },
  };
}
